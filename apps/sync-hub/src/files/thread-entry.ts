import { extname } from 'node:path';
import { setFlagsFromString } from 'node:v8';

/** More calls than any start makes: the wrapper is never compiled. */
const NEVER = 1_000_000_000;

/**
 * The program of a thread, beside the file that starts it: .ts when run from sources, .js when built.
 *
 * From sources each thread strips the types of what it loads by WebAssembly. After 1,000 calls from there into JavaScript
 * V8 compiles the wrapper of the call, frees the old one, and does so wrongly when two threads have it: the process ends
 * with SIGSEGV or SIGTRAP in WasmEngine::FreeDeadCode (Node 24.21, V8 13.6; about one start in a hundred). So the wrappers
 * of threads that start after this call stay as they are.
 */
export function threadEntry(name: string, starterUrl: string): URL {
  const extension = extname(starterUrl);
  if (extension === '.ts') setFlagsFromString(`--wasm-wrapper-tiering-budget=${NEVER}`);
  return new URL(`./${name}${extension}`, starterUrl);
}
