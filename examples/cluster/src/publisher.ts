import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { PublishUntil, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type EventLog, eventNumber } from './event-log.ts';

/** Then the outcome is unknown, and the same event goes to the next hub. */
const ANSWER_WITHIN_MS = 1_500;
/** A hub that did not answer gets no further event for so long. */
const AVOID_MS = 5_000;
/** Without an ack for so long, though some are missing, the watch continues at another hub. */
const QUIET_MS = 2_000;
const RETRY_MS = 100;
const SETTLE_WITHIN_MS = 60_000;
const PROCESSES = ['appointment', 'telehealth', 'surgery', 'laboratory'];

export interface Address {
  readonly name: string;
  readonly url: string;
}

interface Target {
  readonly name: string;
  readonly client: Client<typeof SyncService>;
  avoidedUntilMs: number;
}

/**
 * A publisher that knows several hubs. It publishes to them in turn; an event without an answer is published again, with the
 * same id, at the next one. It watches the acks of all events at one hub, and continues at another from the same cursor.
 */
export class Publisher {
  readonly #hubs: readonly Target[];
  readonly #log: EventLog;
  readonly #everyMs: number;
  readonly #ended = new AbortController();
  readonly #watching = Promise.withResolvers<void>();
  #isFinishing = false;
  #ackedAtMs = 0;
  #cursor = '';

  constructor(hubs: readonly Address[], { log, everyMs }: { log: EventLog; everyMs: number }) {
    this.#hubs = hubs.map(({ name, url }) => ({
      name,
      client: createClient(SyncService, createGrpcTransport({ baseUrl: url })),
      avoidedUntilMs: 0,
    }));
    this.#log = log;
    this.#everyMs = everyMs;
  }

  /** Publishes until `finish`. */
  async run(): Promise<void> {
    await Promise.all([this.#watch(), this.#publishAll()]);
  }

  /** Publishes nothing more; `run` resolves once all that was accepted is delivered, or after a minute. */
  finish(): void {
    this.#isFinishing = true;
  }

  async #publishAll(): Promise<void> {
    await this.#watching.promise;
    const startedMs = performance.now();
    for (let number = 1; !this.#isFinishing; number += 1) {
      // One after the other: so the changes of a process are accepted in their order.
      await this.#publish(number);
      await sleep(Math.max(0, startedMs + number * this.#everyMs - performance.now()));
    }
    await this.#log.settled(SETTLE_WITHIN_MS);
    this.#ended.abort();
  }

  async #publish(number: number): Promise<void> {
    const event = sampleEvent(number);
    this.#log.published(number, event.key);
    const silent = new Set<string>();
    for (let turn = number; ; turn += 1) {
      const hub = this.#next(turn);
      try {
        await this.#accept(hub, event);
        hub.avoidedUntilMs = 0;
        return this.#log.accepted(number, hub.name, [...silent]);
      } catch (error) {
        if (!isUnknownOutcome(error)) throw error;
        silent.add(hub.name);
        hub.avoidedUntilMs = performance.now() + AVOID_MS;
        await sleep(RETRY_MS);
      }
    }
  }

  async #accept({ client }: Target, event: MessageInitShape<typeof SyncEventSchema>): Promise<void> {
    const options = { timeoutMs: ANSWER_WITHIN_MS };
    for await (const { result } of client.publish({ event, until: PublishUntil.ACCEPTED }, options)) {
      if (result.case === 'accepted') return;
    }
    throw new ConnectError('the hub ended the stream without an answer', Code.Unavailable);
  }

  /** The hub whose turn it is, or the next one that is not avoided. */
  #next(turn: number): Target {
    const order = this.#hubs.map((_, index) => this.#hubs[(turn + index) % this.#hubs.length] as Target);
    const nowMs = performance.now();
    return order.find(({ avoidedUntilMs }) => avoidedUntilMs <= nowMs) ?? (order[0] as Target);
  }

  async #watch(): Promise<void> {
    for (let turn = 0; !this.#ended.signal.aborted; turn += 1) {
      const quiet = new AbortController();
      // A hub that is cut off from the database has no acks to send, and does not know that there are some.
      const look = setInterval(() => {
        if (this.#log.isOpen && performance.now() - this.#ackedAtMs > QUIET_MS) quiet.abort();
      }, RETRY_MS);
      this.#ackedAtMs = performance.now();
      try {
        const signal = AbortSignal.any([quiet.signal, this.#ended.signal]);
        for await (const { acks, cursor } of this.#next(turn).client.watchAcks({ cursor: this.#cursor }, { signal })) {
          for (const ack of acks) this.#noteAck(ack);
          this.#cursor = cursor;
          this.#watching.resolve();
        }
      } catch (error) {
        if (!isUnknownOutcome(error)) throw error;
        await sleep(RETRY_MS);
      } finally {
        clearInterval(look);
      }
    }
  }

  #noteAck({ eventId, adapter, state }: Ack): void {
    this.#ackedAtMs = performance.now();
    if (state === DeliveryState.DELIVERED) this.#log.delivered(eventNumber(eventId), adapter);
  }
}

/** The n-th change: of one of a few processes, so that order within a key matters. */
function sampleEvent(number: number) {
  const key = PROCESSES[number % PROCESSES.length] as string;
  return {
    id: `change-${number}`,
    key,
    source: 'hms-api',
    type: 'ProcessUpdated',
    time: timestampNow(),
    payload: { case: 'json', value: { processId: key, change: `change ${number}` } },
  } as const;
}

/** No answer, or one that does not say that the event is refused: it may be accepted, and may be published again. */
function isUnknownOutcome(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return ![Code.InvalidArgument, Code.AlreadyExists, Code.OutOfRange, Code.PermissionDenied].includes(code);
}
