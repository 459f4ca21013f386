import { parseArgs } from 'node:util';
import type { FaultFamily } from './fault-answer.ts';
import { damage } from './fault-damage.ts';
import { fullDisk } from './fault-full-disk.ts';
import { ioErrors } from './fault-io-error.ts';
import { syncOrder } from './fault-sync-order.ts';
import { requireStrace } from './strace.ts';

/**
 * `npm run faults [-- --short] [--only <family>]`: real hubs on real files, and everything that a disk can do to them.
 * A line for each fault with the answer that was seen; ends with 1 when one of them is not what was promised.
 */

const families: Readonly<Record<string, FaultFamily>> = {
  'sync-order': syncOrder,
  'io-error': ioErrors,
  'full-disk': fullDisk,
  damage,
};

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false }, only: { type: 'string' } } });
if (values.only !== undefined && families[values.only] === undefined) {
  throw new Error(`--only ${values.only} is none of ${Object.keys(families).join(', ')}`);
}
await requireStrace();

let failed = 0;
for (const [name, family] of Object.entries(families)) {
  if (values.only !== undefined && values.only !== name) continue;
  console.log(`${name}:`);
  for await (const { fault, times, answer, ok } of family({ short: values.short })) {
    console.log(`  ${ok ? 'ok    ' : 'FAILED'} ${fault} (${times}): ${answer}`);
    if (!ok) failed += 1;
  }
}
console.log(failed === 0 ? 'every fault was answered as promised' : `${failed} faults were not answered as promised`);
process.exitCode = failed === 0 ? 0 : 1;
