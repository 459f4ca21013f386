import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** What a fake program leaves behind, so that a test sees that it ran and how it ended. */
export interface Trace {
  program: 'hub' | 'sandbox';
  step: 'began' | 'ended';
  pid: number;
  args: string[];
}

/** Appends to the file that the test named in the environment. */
export function leaveTrace(program: Trace['program'], step: Trace['step']): void {
  const trace: Trace = { program, step, pid: process.pid, args: process.argv.slice(2) };
  appendFileSync(process.env.FAKE_TRACE_FILE ?? '', `${JSON.stringify(trace)}\n`);
}

/** All traces, in the order in which they were left. */
export async function readTraces(file: string): Promise<Trace[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean);
  return lines.map((line): Trace => JSON.parse(line));
}
