import type { ExitCode } from '../src/failure.ts';
import { run } from '../src/program.ts';
import { type CapturedTerminal, captureTerminal } from './captured-terminal.ts';

/** Runs one command line within the test's own process. */
export async function runInProcess(...args: string[]): Promise<CapturedTerminal & { exitCode: ExitCode }> {
  return runAnswering(undefined, ...args);
}

/** The same on a terminal where each question gets this answer. */
export async function runAnswering(
  answer: boolean | undefined,
  ...args: string[]
): Promise<CapturedTerminal & { exitCode: ExitCode }> {
  const terminal = captureTerminal({ ...(answer !== undefined && { answer }) });
  const exitCode = await run(args, terminal);
  return { ...terminal, exitCode };
}
