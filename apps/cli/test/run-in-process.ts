import type { ExitCode } from '../src/failure.ts';
import { run } from '../src/program.ts';
import { type CapturedTerminal, captureTerminal } from './captured-terminal.ts';

/** Runs one command line within the test's own process. */
export async function runInProcess(...args: string[]): Promise<CapturedTerminal & { exitCode: ExitCode }> {
  const terminal = captureTerminal();
  const exitCode = await run(args, terminal);
  return { ...terminal, exitCode };
}
