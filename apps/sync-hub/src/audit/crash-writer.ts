import { writeSync } from 'node:fs';
import { AuditLog } from './audit-log.ts';

/**
 * The child process of crash.test.ts: asks for changes as the hub does, each with its decision, effect and outcome, until
 * it is killed. It prints the effects: a change is made once its line is.
 */

const [dataDir = '', name = ''] = process.argv.slice(2);
/** As many at a time, so that groups of all sizes are on their way when the kill comes. */
const OUTSTANDING = 20;

const log = await AuditLog.open({
  hub: 'hub-1',
  dataDir,
  keepDays: 1,
  wallMs: Date.now,
  onCheckpoint: () => undefined,
  onTrouble: (problem) => {
    throw new Error(problem);
  },
});

async function changeForEver(worker: number): Promise<void> {
  const facts = {
    principal: { kind: 'socket', name: 'local' },
    ...{ address: 'socket', rpc: 'hms.sync.v1.AdminService/PauseAdapter' },
  };
  for (let number = 0; ; number += 1) {
    const change = `${name}-${worker}-${number}`;
    const of = await log.record({
      ...{ event: 'request', decision: 'allowed', permission: 'adapters.control' },
      ...facts,
      target: { adapter: change },
    });
    writeSync(1, `made ${of} ${change}\n`);
    await log.record({ event: 'outcome', of, ...facts, code: 'OK' });
  }
}

await Promise.all(Array.from({ length: OUTSTANDING }, (_, worker) => changeForEver(worker)));
