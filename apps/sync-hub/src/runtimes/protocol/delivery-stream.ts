import { channel } from 'node:diagnostics_channel';
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import type { DeliverResponse } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { AttemptEnd, Outcome } from '../../core/outcome.ts';
import type { DeliveryAttempt } from '../runtime.ts';
import { NOT_SENT } from '../runtime.ts';
import { deliverRequestBytes, type NumberedAttempt } from './attempt-bytes.ts';
import { outcomeFrom } from './outcome-message.ts';

/** Payloads of a message: an adapter may be slow to take a larger one, and answers nothing meanwhile. */
const MESSAGE_BYTES = 1024 * 1024;

/**
 * What may come for an attempt: its outcome, the message that it is in, and one with credit, with as much again to spare.
 * An adapter that sends without end would have the hub do nothing but read.
 */
const ANSWERS_PER_ATTEMPT = 6;
/** What may come at any time; more than for as many attempts as are ever on their way. */
const ANSWERS_MAX = 8_192;

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const attemptBegun = channel('hms-sync:attempt-begun');
const attemptSent = channel('hms-sync:attempt-sent');
const outcomeHeard = channel('hms-sync:outcome-heard');

/** Of an attempt's time: it waits no longer than this for credit. What is left then has to do for the attempt. */
const CREDIT_SHARE = 0.25;

const abortedBefore: Outcome = {
  kind: 'retryable',
  failure: { code: 'ABORTED', message: 'the attempt was aborted before the adapter had it' },
};

export interface DeliveryStreamOptions {
  readonly call: ClientDuplexStream<Buffer, DeliverResponse>;
  /** The stream ended or broke; attempts without an outcome wait for `settleAll`. Called once. */
  readonly onEnd: (why: string) => void;
  /** An attempt was asked to stop, and this is when. */
  readonly onAbort?: (ref: bigint) => void;
  /** An attempt ended. */
  readonly onOutcome?: (ref: bigint) => void;
}

interface InFlight {
  readonly settle: (outcome: AttemptEnd) => void;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
  /** The adapter may know it, and answer. */
  sent: boolean;
}

/**
 * One Deliver stream: what is delivered in one turn of the event loop goes as one message, as far as the adapter has
 * given credit; the rest waits here. Each attempt settles exactly once: by the adapter, by `settleAll`, or as not sent
 * when no credit came for it in time.
 */
export class DeliveryStream {
  readonly #options: DeliveryStreamOptions;
  readonly #inFlight = new Map<bigint, InFlight>();
  #waiting: { readonly ref: bigint; readonly attempt: DeliveryAttempt; readonly untilMs: number }[] = [];
  #patience: NodeJS.Timeout | undefined;
  #aborted: bigint[] = [];
  #credit = 0;
  #answersLeft = ANSWERS_MAX;
  #lastRef = 0n;
  #flushing = false;
  #ended = false;

  constructor(options: DeliveryStreamOptions) {
    this.#options = options;
    const { call } = options;
    call.on('data', (response: DeliverResponse) => this.#receive(response));
    // Not its details: an adapter in another language has what its code threw there, and that may hold a payload.
    call.on('error', ({ code }: { code?: status }) => this.#end(`it ended with ${status[code ?? status.UNKNOWN]}`));
    call.on('end', () => this.#end('the adapter ended it'));
  }

  /** Attempts that the adapter has and has not answered. */
  get inFlight(): number {
    return this.#inFlight.size - this.#waiting.length;
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    if (signal.aborted) return Promise.resolve(abortedBefore);
    this.#lastRef += 1n;
    const ref = this.#lastRef;
    if (attemptBegun.hasSubscribers) attemptBegun.publish({ stream: this, ref, eventId: attempt.event.id });
    return new Promise((settle) => {
      const onAbort = () => this.#abort(ref);
      this.#inFlight.set(ref, { settle, signal, onAbort, sent: false });
      signal.addEventListener('abort', onAbort, { once: true });
      const untilMs = performance.now() + attempt.timeoutMs * CREDIT_SHARE;
      this.#waiting.push({ ref, attempt, untilMs });
      this.#flushSoon();
    });
  }

  /** Gives this outcome to every attempt that the adapter has and did not answer. Those that it never got cost nothing. */
  settleAll(outcome: Outcome): void {
    clearTimeout(this.#patience);
    const unsent = this.#waiting.map(({ ref }) => ref);
    this.#waiting = [];
    for (const ref of unsent) this.#settle(ref, NOT_SENT);
    for (const ref of [...this.#inFlight.keys()]) this.#settle(ref, outcome);
  }

  #receive({ outcomes, credit }: DeliverResponse): void {
    this.#answersLeft -= 1 + outcomes.length;
    if (this.#answersLeft < 0) {
      this.#end('the adapter sent more than it was asked for');
      this.#options.call.cancel();
      return;
    }
    this.#credit += credit;
    for (const outcome of outcomes) {
      // One for an attempt that it was not sent, or not any more, is the adapter's mistake, and nothing waits for it.
      if (this.#inFlight.get(outcome.ref)?.sent) this.#settle(outcome.ref, outcomeFrom(outcome));
    }
    if (this.#waiting.length > 0) this.#flushSoon();
  }

  #settle(ref: bigint, outcome: AttemptEnd): void {
    const attempt = this.#inFlight.get(ref);
    if (attempt === undefined) return;
    this.#inFlight.delete(ref);
    if (outcomeHeard.hasSubscribers) outcomeHeard.publish({ stream: this, ref });
    attempt.signal.removeEventListener('abort', attempt.onAbort);
    this.#options.onOutcome?.(ref);
    attempt.settle(outcome);
  }

  #abort(ref: bigint): void {
    const position = this.#waiting.findIndex((waiting) => waiting.ref === ref);
    if (position >= 0) {
      this.#waiting.splice(position, 1);
      this.#settle(ref, abortedBefore);
      return;
    }
    this.#options.onAbort?.(ref);
    this.#aborted.push(ref);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing || this.#ended) return;
    this.#flushing = true;
    // Once the turn's other deliveries are here, too: one message for all of them.
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended) return;
    const sendable = Math.min(this.#credit, this.#waiting.length);
    this.#credit -= sendable;
    this.#answersLeft = Math.min(this.#answersLeft + sendable * ANSWERS_PER_ATTEMPT, ANSWERS_MAX);
    let attempts: NumberedAttempt[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting.splice(0, sendable)) {
      const { ref, attempt } = waiting;
      if (bytes > 0 && bytes + attempt.event.data.byteLength > MESSAGE_BYTES) {
        this.#options.call.write(deliverRequestBytes(attempts, []));
        attempts = [];
        bytes = 0;
      }
      attempts.push(waiting);
      if (attemptSent.hasSubscribers) attemptSent.publish({ stream: this, ref });
      const inFlight = this.#inFlight.get(ref);
      if (inFlight !== undefined) inFlight.sent = true;
      bytes += attempt.event.data.byteLength;
    }
    const aborted = this.#aborted;
    this.#aborted = [];
    if (attempts.length > 0 || aborted.length > 0) {
      this.#options.call.write(deliverRequestBytes(attempts, aborted));
    }
    this.#waitForCredit();
  }

  /** Hands back what waited too long: were it sent at the end of its time, the adapter could only be late. */
  #waitForCredit(): void {
    clearTimeout(this.#patience);
    if (this.#waiting.length === 0) return;
    // Not the first one's: what an attempt gets changes with the version of the adapter.
    const earliestMs = Math.min(...this.#waiting.map(({ untilMs }) => untilMs));
    const handBack = () => {
      const nowMs = performance.now();
      const late = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
      this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
      for (const { ref } of late) this.#settle(ref, NOT_SENT);
      this.#waitForCredit();
    };
    // A timer may go off a millisecond early; then there is nothing late, and it waits again.
    this.#patience = setTimeout(handBack, Math.max(earliestMs - performance.now(), 1));
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(why);
  }
}
