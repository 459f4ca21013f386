import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type DeliveryAttempt as AttemptMessage,
  DeliverRequestSchema,
  type DeliverResponse,
  DeliveryAttemptSchema,
  type Outcome as OutcomeMessage,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { DeliveryAttempt } from '../delivery.ts';
import type { Outcome } from '../outcome.ts';
import type { DeliverStream } from './remote-adapter.ts';
import { outcomeBreach, outcomeFrom } from './remote-outcome.ts';

/** How long an idle adapter may take to end its side of the stream. */
const END_TIMEOUT_MS = 1_000;

/** The attempts and outcomes of one Deliver stream; it detects extra outcomes. */
export class RemoteDeliveries {
  readonly #stream: DeliverStream;
  readonly #waiting = new Map<bigint, (outcome: Outcome) => void>();
  readonly #breaches: string[] = [];
  readonly #ended: Promise<void>;
  #unsent: AttemptMessage[] = [];
  #refs = 0n;
  #credit = 0;
  #flushing = false;

  constructor(stream: DeliverStream) {
    this.#stream = stream;
    stream.on('data', (response: DeliverResponse) => this.#receive(response));
    this.#ended = new Promise((resolve) => {
      stream.on('error', (error) => this.#end(error.message, resolve));
      stream.on('end', () => this.#end('it ended', resolve));
    });
  }

  /** The adapter's breaches of the contract so far. */
  get breaches(): readonly string[] {
    return this.#breaches;
  }

  /** Makes one attempt, sent when there is credit. If the stream ends, the outcome is retryable, as in a hub. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome> {
    this.#refs += 1n;
    const ref = this.#refs;
    const abort = () => this.#stream.write(create(DeliverRequestSchema, { aborted: [ref] }));
    signal.addEventListener('abort', abort, { once: true });
    return new Promise((resolve) => {
      this.#waiting.set(ref, (outcome) => {
        signal.removeEventListener('abort', abort);
        resolve(outcome);
      });
      this.#unsent.push(attemptMessage(ref, attempt));
      this.#flushSoon();
    });
  }

  /** Ends the stream, and waits for the adapter to end its side. */
  async close(): Promise<void> {
    this.#stream.end();
    const timer = setTimeout(() => this.#stream.cancel(), END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #receive({ outcomes, credit }: DeliverResponse): void {
    this.#credit += credit;
    for (const message of outcomes) this.#settle(message);
    this.#flushSoon();
  }

  #settle(message: OutcomeMessage): void {
    const settle = this.#waiting.get(message.ref);
    if (settle === undefined) {
      const what = message.ref >= 1n && message.ref <= this.#refs ? 'a second outcome' : 'an outcome for nothing';
      this.#breaches.push(`ref ${message.ref} got ${what}`);
      return;
    }
    const breach = outcomeBreach(message);
    if (breach !== undefined) this.#breaches.push(breach);
    this.#waiting.delete(message.ref);
    settle(outcomeFrom(message));
  }

  /** Sends the attempts of one turn of the event loop in one message, as a hub does. */
  #flushSoon(): void {
    if (this.#flushing || this.#unsent.length === 0 || this.#credit === 0) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      const deliveries = this.#unsent.slice(0, this.#credit);
      this.#unsent = this.#unsent.slice(deliveries.length);
      this.#credit -= deliveries.length;
      if (deliveries.length > 0) this.#stream.write(create(DeliverRequestSchema, { deliveries }));
    });
  }

  #end(why: string, ended: () => void): void {
    for (const settle of this.#waiting.values()) {
      settle({
        kind: 'retryable',
        code: 'STREAM_ENDED',
        message: `the Deliver stream ended without an outcome: ${why}`,
      });
    }
    this.#waiting.clear();
    ended();
  }
}

function attemptMessage(ref: bigint, attempt: DeliveryAttempt): AttemptMessage {
  const { event, idempotencyKey, redelivered, timeoutMs } = attempt;
  return create(DeliveryAttemptSchema, {
    ref,
    event: { ...event, time: timestampFromDate(event.time), attributes: { ...event.attributes } },
    idempotencyKey,
    attempt: attempt.attempt,
    redelivered,
    timeout: durationFromMs(timeoutMs),
  });
}
