import { type Fault, SYSTEM_NAMES } from '@hms-sync/sandbox';
import type { NetworkFault, Way } from '@hms-sync/testing/tcp-proxy';
import fc from 'fast-check';
import { type Command, command } from './command.ts';

const system = fc.constantFrom(...SYSTEM_NAMES);

/** A system that is down, slow, busy, refuses an event or the credential, or fails after it did what it was asked. */
const FAULTS: readonly Fault[] = [
  { down: true },
  { status: 503 },
  { status: 500, errorRate: 0.5, afterEffect: true },
  { status: 429, retryAfter: '0', times: 3 },
  { status: 422, times: 2 },
  { status: 401, times: 1 },
  { hang: true, times: 2 },
  { hang: true, afterEffect: true, times: 2 },
  { reset: true, errorRate: 0.5 },
  { reset: true, afterEffect: true, times: 3 },
  { latencyMs: 20, jitterMs: 40 },
];

const NETWORK_FAULTS: readonly NetworkFault[] = [
  { kind: 'delay', delayMs: 5 },
  { kind: 'black_hole' },
  { kind: 'trickle', pieceBytes: 4, everyMs: 10 },
  { kind: 'reset', afterBytes: 200 },
  { kind: 'half_close', afterBytes: 0 },
];

const setFault = fc
  .tuple(system, fc.constantFrom(...FAULTS))
  .map(([name, fault]) =>
    command(`${name}: ${JSON.stringify(fault)}`, (_model, { stack }) => stack.sandbox.setFault(name, fault)),
  );

const clearFault = system.map((name) =>
  command(`${name} is well`, (_model, { stack }) => stack.sandbox.clearFaults(name)),
);

const disturb = fc
  .tuple(system, fc.constantFrom<Way>('to_server', 'to_client'), fc.constantFrom(...NETWORK_FAULTS))
  .map(([name, way, fault]) =>
    command(`network ${way} before ${name}: ${JSON.stringify(fault)}`, async (_model, { stack }) =>
      stack.back[name].disturb(way, fault),
    ),
  );

const calm = system.map((name) =>
  command(`the network before ${name} is well`, async (_model, { stack }) => {
    stack.back[name].resetAll();
    stack.back[name].heal();
  }),
);

const cut = system.map((name) =>
  command(`the connections to ${name} are cut`, async (_model, { stack }) => stack.back[name].resetAll()),
);

const cutFront = fc.constant(
  command('the connections to the hub are cut', async (_model, { stack }) => stack.front.resetAll()),
);

const crash = fc.constant(command('the hub is killed and starts again', (_model, house) => house.crash()));

/** What goes wrong around the hub, and well again. */
export const trouble: fc.Arbitrary<Command>[] = [setFault, setFault, clearFault, disturb, calm, cut, cutFront, crash];
