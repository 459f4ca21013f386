// Becomes echo-process.ts: in place, or as a child when the first argument says so.
import { fileURLToPath } from 'node:url';
import { becomeNode } from '../src/become-node.ts';

const [way, ...args] = process.argv.slice(2);
const echo = fileURLToPath(import.meta.resolve('./echo-process.ts'));
becomeNode([echo, ...args], way === 'child' ? null : undefined);
