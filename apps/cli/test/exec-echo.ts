// Executes echo-process.ts: in place, or as a child when the first argument says so.
import { fileURLToPath } from 'node:url';
import { execNode } from '../src/exec-node.ts';

const [way, ...args] = process.argv.slice(2);
const echo = fileURLToPath(import.meta.resolve('./echo-process.ts'));
execNode([echo, ...args], way === 'child' ? null : undefined);
