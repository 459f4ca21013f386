import { Acks } from '../../acks/acks.ts';
import { DEFAULT_BREAKER } from '../../core/breaker-policy.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import { DEFAULT_WINDOW } from '../../core/lane.ts';
import type { Outcome } from '../../core/outcome.ts';
import { MemoryJournal } from '../../journal/memory/memory-journal.ts';
import { systemClock } from '../../lanes/clock.ts';
import { Lane } from '../../lanes/lane.ts';
import { Lanes } from '../../lanes/lanes.ts';
import type { DeliveryAttempt, Runtime } from '../../runtimes/runtime.ts';
import { Cursors } from '../cursor.ts';
import { Intake } from '../intake.ts';
import { listen } from '../listener.ts';
import { EventFeed } from '../rpc/event-feed.ts';
import type { ReadBodyBounds } from './read-body.ts';
import { createSyncRoute } from './sync-route.ts';

/** POST /sync on a real port, before real lanes; the journal is in memory and the adapters are functions. */
export interface TestHub {
  readonly port: number;
  readonly journal: MemoryJournal;
  readonly intake: Intake;
  /** Every event that was accepted, in order. */
  readonly events: readonly AcceptedEvent[];
  /** Faults that would be in the log. */
  readonly faults: readonly unknown[];
  close(): Promise<void>;
}

export interface TestHubOptions {
  /** What each adapter answers, by its id. */
  readonly adapters: Readonly<Record<string, (attempt: DeliveryAttempt) => Outcome | Promise<Outcome>>>;
  readonly eventBytesMax?: number;
  readonly bodyBounds?: ReadBodyBounds;
}

export async function startTestHub(options: TestHubOptions): Promise<TestHub> {
  const events: AcceptedEvent[] = [];
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  let lanes = new Lanes([]);
  let acks: Acks | undefined;
  const journal = new MemoryJournal({
    observer: {
      accepted(accepted) {
        events.push(...accepted);
        lanes.accepted(accepted);
      },
      recorded(records) {
        lanes.recorded(records);
        acks?.recorded(records);
      },
      reopened: (deliveries) => lanes.reopened(deliveries),
    },
    onFatal: onFault,
  });
  acks = new Acks({ journal, lastCursor: 0 });
  const onHeld = acks.held.bind(acks);
  const ids = Object.keys(options.adapters).sort();
  lanes = new Lanes(
    ids.map((id) => createLane({ id, journal, onHeld, deliver: options.adapters[id] ?? (() => delivered('')) })),
  );
  const { wallMs } = systemClock;
  const intake = new Intake({ journal, adapters: () => ids, eventBytesMax: options.eventBytesMax ?? 262_144, wallMs });
  const shared = { journal, acks, lanes, cursors: new Cursors(journal.info.id), wallMs };
  const { bodyBounds } = options;
  const route = createSyncRoute({
    ...shared,
    intake,
    feed: new EventFeed(shared),
    onFault,
    ...(bodyBounds !== undefined && { bodyBounds }),
  });
  const listener = await listen({ host: '127.0.0.1', port: 0 }, route.handle);
  await lanes.start();
  return {
    port: listener.port,
    journal,
    intake,
    events,
    faults,
    async close() {
      await listener.close(0);
      await lanes.close();
      await journal.close();
    },
  };
}

export function delivered(receipt: string): Outcome {
  return { kind: 'delivered', receipt };
}

function createLane(needs: {
  id: string;
  journal: MemoryJournal;
  onHeld: Acks['held'];
  deliver: (attempt: DeliveryAttempt) => Outcome | Promise<Outcome>;
}): Lane {
  const { id, journal, onHeld, deliver } = needs;
  const runtime: Runtime = {
    kind: 'inline',
    start: async () => ({
      kind: 'ready',
      accepts: new Set(['ProcessUpdated']),
      concurrency: 8,
      attemptTimeoutMs: 60_000,
    }),
    check: async () => [],
    deliver: async (attempt) => await deliver(attempt),
    close: async () => undefined,
  };
  return new Lane({
    adapter: { id, package: `adapter-${id}`, version: '1.0.0' },
    runtime,
    delivery: {},
    // Long enough that a test sees the waiting, never the second attempt.
    rules: {
      retry: { baseMs: 86_400_000, capMs: 86_400_000, maxAttempts: 10 },
      maxCrashes: 3,
      onDeadLetter: 'continue',
      window: DEFAULT_WINDOW,
      recoveredToSeq: 0,
    },
    breakerPolicy: DEFAULT_BREAKER,
    journal,
    clock: systemClock,
    seed: 1,
    newestSeq: 0,
    totals: { unsettled: 0, deadLetters: 0 },
    onHeld,
    onChange: () => undefined,
  });
}
