import { parseArgs } from 'node:util';
import { startHub } from './hub-process.ts';
import { publishLoad } from './publish-load.ts';

/** `npm run bench`: events a second that three adapters acknowledged. */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } });
const adapters = ['noop-a', 'noop-b', 'noop-c'];
const hub = await startHub({ adapters });
try {
  for (const inFlight of [1, 64, 1_024]) {
    await publishLoad({ address: hub.address, adapters: 3, inFlight, seconds: 1, payloadBytes: 300 });
    const f = await publishLoad({ address: hub.address, adapters: 3, inFlight, seconds: Number(values.seconds), payloadBytes: 300 });
    console.log(inFlight, Math.round(f.eventsPerSecond), f.latencyMs);
  }
} finally {
  await hub.stop();
}
