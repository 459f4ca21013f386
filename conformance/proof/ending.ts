import type { Ending } from '../src/child.ts';
import type { Hub } from '../src/hub.ts';

/** The exit code of a hub whose data folder cannot be used, as docs/operate.md lists it. */
export const EXIT_JOURNAL = 4;

/** A fault under load is met within seconds. */
const ENDS_WITHIN_MS = 60_000;

/** How a hub ended that should end by itself; one that does not is killed, which its ending says. */
export async function endingOf(hub: Hub): Promise<Ending> {
  const timer = setTimeout(() => void hub.kill(), ENDS_WITHIN_MS);
  const ending = await hub.ended;
  clearTimeout(timer);
  return ending;
}

/**
 * What is wrong with the end of a hub whose disk failed or whose journal is damaged: it should end with its own code
 * and one line that names the file, and without a stack trace. Empty when all is well.
 */
export function wrongEnding({ code, signal, stderr }: Ending, path: string): readonly string[] {
  if (code !== EXIT_JOURNAL) return [`it ended with ${code ?? signal}: ${stderr.slice(0, 500)}`];
  // Lines of its log are JSON.
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  const [line = ''] = lines;
  if (lines.length !== 1 || !line.startsWith('hms-sync: ')) return [`it did not say one line: ${stderr}`];
  return line.includes(path) ? [] : [`it did not name ${path}: ${line}`];
}
