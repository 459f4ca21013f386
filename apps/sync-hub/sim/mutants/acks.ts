import { type Mutant, mutate, withMethod } from './mutant.ts';

const acks = mutate<typeof import('../../src/acks/acks.ts')>('acks/acks');
const followed = mutate<typeof import('../../src/acks/followed-events.ts')>('acks/followed-events');
const tail = mutate<typeof import('../../src/acks/tail-subscription.ts')>('acks/tail-subscription');
const progress = mutate<typeof import('../../src/acks/delivery-update.ts')>('acks/delivery-update');
const listener = mutate<typeof import('../../src/edges/publishing/event-listener.ts')>(
  'edges/publishing/event-listener',
);
const histories = mutate<typeof import('../../src/edges/publishing/merge-histories.ts')>(
  'edges/publishing/merge-histories',
);
const hash = mutate<typeof import('../../src/edges/publishing/content-hash.ts')>('edges/publishing/content-hash');
const intake = mutate<typeof import('../../src/edges/publishing/intake.ts')>('edges/publishing/intake');

/** Faults in what is reported to readers and publishers. */
export const ACK_MUTANTS: readonly Mutant[] = [
  acks('a reader gets only the first record of a commit', 'Acks', (original) =>
    withMethod(original, 'committed', (committed) => (commit) => {
      committed({ ...commit, records: commit.records.slice(0, 1) });
    }),
  ),
  acks('the records of one commit are reported in the wrong order', 'Acks', (original) =>
    withMethod(original, 'committed', (committed) => (commit) => {
      committed({ ...commit, records: commit.records.toReversed() });
    }),
  ),
  followed('what follows an event does not get its records', 'FollowedEvents', (original) =>
    withMethod(original, 'recorded', () => () => undefined),
  ),
  tail('a reader gets again what it has read', 'TailSubscription', (original) =>
    withMethod(original, 'advance', () => () => undefined),
  ),
  progress('who follows an event is let go before it is settled', 'Progress', (original) =>
    withMethod(original, 'apply', (apply) => (update) => {
      if (update.kind === 'held') return apply(update);
      return apply({ ...update, record: { ...update.record, state: 'delivered' } });
    }),
  ),
  listener(
    'a reader who left is not forgotten',
    'EventListener',
    (original) =>
      class extends original {
        constructor(options: ConstructorParameters<typeof original>[0]) {
          super(options);
          Object.defineProperty(this, 'end', { value: () => undefined });
        }
      },
  ),
  histories('what is on record of an event is not reported', 'mergeHistories', () => () => []),
  hash('the same id with other content is taken for a duplicate', 'contentHash', () => () => new Uint8Array(32)),
  intake('events are accepted while the hub stops', 'Intake', (original) =>
    withMethod(original, 'stop', () => () => undefined),
  ),
  intake('a duplicate is answered as a new event', 'Intake', (original) =>
    withMethod(original, 'accept', (accept) => async (published) => {
      return { ...(await accept(published)), duplicate: false };
    }),
  ),
];
