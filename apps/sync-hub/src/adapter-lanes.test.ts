import { expect, it } from 'vitest';
import { AdapterLanes } from './adapter-lanes.ts';
import { addedAdapter } from './config/config.ts';
import { openInlineJournal } from './journal/sqlite/inline-journal.ts';
import { createLog } from './telemetry/log.ts';

it('a package that asks for more than it is granted does not start, wherever it comes from, and says why', async () => {
  const policy = { allow: [], secrets: [], maxMemoryMb: 256, permissions: 'optional' } as const;
  const adapterLanes = new AdapterLanes({
    journal: openInlineJournal(),
    log: createLog('silent'),
    hubVersion: '1.2.3',
    limits: policy,
    onGateChange: () => undefined,
    onChange: () => undefined,
  });
  const rules = { adapterPolicy: policy, secrets: { folder: undefined, env: {} } };
  const settings = addedAdapter({ package: 'adapter-lab', config: {} }, rules);
  const manifest = {
    ...{ id: 'lab', package: 'adapter-lab', version: '1.0.0', folder: '/nowhere', entry: '.' },
    ...{ memoryMb: 257, permissions: undefined },
  };
  for (const runtime of ['process', 'inline'] as const) {
    const made = adapterLanes.createRuntime({ id: 'lab', settings: { ...settings, runtime }, manifest });
    expect(await made.start()).toEqual({
      kind: 'failed',
      reason: expect.stringContaining('adapter-lab@1.0.0 asks for 257 MB of memory'),
    });
  }
});
