import { shellWord } from '../files/shell-word.ts';

/** Why something cannot be installed or loaded, in the closed vocabulary of this room. */
export type InstallFault =
  /** What was asked for is not a package, nor a tarball or a folder that can be read. */
  | 'SPEC_INVALID'
  /** There is no such package or no such version of it, or the registry did not answer. */
  | 'NOT_FOUND'
  /** There is no npm, or it failed for a reason of its own. */
  | 'NPM_FAILED'
  /** The package is not an adapter, or not one that can run here. */
  | 'NOT_AN_ADAPTER'
  /** It asks for more than the hub's configuration allows, or its dependencies come from elsewhere than the registry. */
  | 'NOT_ALLOWED'
  /** Something else has that id, or that version with other bytes. */
  | 'TAKEN'
  /** What is on disk is not what was installed, or what is to be installed not what was shown. */
  | 'CHANGED'
  /** The lock cannot be read or written. */
  | 'LOCK_FAILED'
  /** It does not start, or its configuration is wrong. */
  | 'DOES_NOT_RUN'
  /** The hub has no such adapter. */
  | 'NO_SUCH_ADAPTER'
  /** It has deliveries that are not settled. */
  | 'UNSETTLED'
  /** It is not in a state in which that can be done. */
  | 'NOT_NOW';

/** The message says what was wrong, where and what to do. It holds no secret. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
  readonly code: InstallFault;

  constructor(code: InstallFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

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
