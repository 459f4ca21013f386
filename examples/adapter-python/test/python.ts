import { execFileSync } from 'node:child_process';

/** A Python that can run the adapter, or why there is none here. */
export type Python =
  | { readonly kind: 'found'; readonly command: string }
  | { readonly kind: 'missing'; readonly why: string };

/** Debian's own is looked at too when another comes first in PATH: python3-grpcio belongs to that one. */
const commands = ['python3', '/usr/bin/python3'];

/** Finds it. PYTHON in the environment names one, and then no other will do. */
export function findPython(named = process.env.PYTHON): Python {
  const tried = (named === undefined ? commands : [named]).map((command) => {
    const problem = problemOf(command);
    return { command, problem };
  });
  const found = tried.find(({ problem }) => problem === undefined);
  if (found !== undefined) return { kind: 'found', command: found.command };
  const why = tried.map(({ command, problem }) => `${command}: ${problem}`).join('; ');
  return { kind: 'missing', why: `${why}; on Debian: apt-get install python3-grpcio python3-protobuf` };
}

function problemOf(command: string): string | undefined {
  try {
    execFileSync(command, ['-c', 'import grpc, google.protobuf'], { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr ?? '') : '';
    // Of a traceback, the line that says it.
    return stderr.trim().split('\n').at(-1) || (error instanceof Error ? error.message : String(error));
  }
}
