import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import fc from 'fast-check';
import { type Command, command } from './command.ts';

const system = fc.constantFrom(...SYSTEM_NAMES);
const reason = 'a stateful property plays operator';

const pause = system.map((name) =>
  command(`pause ${name}`, async (_model, { admin }) => void (await admin.pause(name, reason))),
);

const resume = system.map((name) =>
  command(`resume ${name}`, async (_model, { admin }) => void (await admin.resume(name, reason))),
);

const replay = fc.constant(
  command(
    'replay all dead letters',
    { when: ({ accepted }) => accepted.length > 0 },
    async (model, { admin, jobs }) => {
      model.isReplayed = true;
      // Those of runs before it are nobody's business any more.
      const eventIds = model.accepted.map(({ id }) => id);
      const { id } = await admin.replay({ filter: { eventIds }, reason, ratePerSecond: 1_000 });
      jobs.push(id);
    },
  ),
);

const discard = fc.nat(1_000).map((which) =>
  command(`discard event ${which}`, { when: ({ accepted }) => accepted.length > 0 }, async (model, { admin }) => {
    await admin.discard({ filter: { eventIds: [model.pick(which).id] }, reason });
  }),
);

/** What people do. */
export const operators: fc.Arbitrary<Command>[] = [pause, resume, resume, replay, discard];
