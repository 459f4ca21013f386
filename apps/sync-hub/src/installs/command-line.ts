import { shellWord } from '../files/shell-word.ts';

/** A line of the command that works when it is pasted into a shell. Each word is quoted where a shell needs it. */
export function commandLine(...words: readonly string[]): string {
  return ['hms-sync', ...words.map(shellWord)].join(' ');
}

/** Installs a version of an adapter that is there, from where it comes: a file has no versions at the registry. */
export function upgradeLine(
  id: string,
  { from, version }: { readonly from: string; readonly version: string },
): string {
  const wanted = from.startsWith('/') ? from : version;
  return commandLine('adapter', 'upgrade', id, wanted);
}

/** For a reason, which only the reader knows. */
export const REASON = ['--reason', '<why>'] as const;
