#!/usr/bin/env node
// Published: the built code. In a checkout: the sources, which Node runs as they are.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Any process of the same user can send it, and Node would open its debugger.
process.on('SIGUSR1', () => undefined);

const sources = fileURLToPath(new URL('../src/main.ts', import.meta.url));
await import(existsSync(sources) ? sources : '../dist/main.js');
