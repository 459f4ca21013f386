import type { DeliveryAttempt } from '../delivery.ts';
import { withinTime } from '../host/time-bound.ts';
import type { Outcome } from '../outcome.ts';
import { CheckFailure } from './check-failure.ts';
import { DEFAULT_EVENTS, type Kit } from './kit.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import type { Subject, Target } from './target.ts';
import { canaries, filled, type Placeholders } from './template.ts';

/** How long an attempt may take. */
const SETTLE_MAX_MS = 10_000;

/** Options of a verification. */
export interface VerifyOptions {
  readonly subject: Subject;
  readonly kit: Kit;
  /** How many events the heap check delivers. Absent: 10,000. */
  readonly heapEvents?: number;
}

/** Options of {@link VerificationContext.deliver}. */
export interface Patience {
  /** Aborts the attempt. */
  readonly signal?: AbortSignal;
  /** Absent: 10 s. */
  readonly withinMs?: number;
}

/** The environment of one check: its own stand-in and events, and the adapter. */
export class VerificationContext implements AsyncDisposable {
  readonly subject: Subject;
  readonly kit: Kit;
  readonly standIn: StandIn;
  readonly heapEvents: number;
  /** In a log or an error, they are a leak. */
  readonly canaries: Pick<Placeholders, 'secret' | 'payload'>;
  readonly #opened: Target[] = [];
  #events = 0;

  private constructor({ subject, kit, heapEvents = 10_000 }: VerifyOptions, standIn: StandIn) {
    this.subject = subject;
    this.kit = kit;
    this.heapEvents = heapEvents;
    this.standIn = standIn;
    this.canaries = canaries();
  }

  /** Starts the stand-in and creates the context. */
  static async begin(options: VerifyOptions): Promise<VerificationContext> {
    const { answer, idempotency, reads } = options.kit;
    return new VerificationContext(options, await startStandIn({ answer, idempotency, reads }));
  }

  /** The adapter, without a configuration. Closed with the context. */
  async open(): Promise<Target> {
    const target = await this.subject.open();
    this.#opened.push(target);
    return target;
  }

  /** The adapter with the kit's configuration. */
  async ready(): Promise<Target> {
    const target = await this.open();
    const diagnostics = await target.configure(this.config());
    if (diagnostics.length === 0) return target;
    const said = diagnostics.map(({ path, message }) => `${path || 'the root'}: ${message}`).join('; ');
    throw new CheckFailure(`the adapter rejected the configuration of the kit: ${said}`, {
      todo: 'correct config in verify.json, so that the adapter can work with the stand-in at {{url}}',
    });
  }

  /** The kit's configuration, or another template. */
  config(template: unknown = this.kit.config): unknown {
    return filled(template, this.#placeholders('key', 'id'));
  }

  /** A first attempt with a new event. */
  attempt(changes: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
    this.#events += 1;
    const samples = this.kit.events ?? DEFAULT_EVENTS;
    const sample = samples[this.#events % samples.length] ?? DEFAULT_EVENTS[0];
    const id = `verify-${process.pid}-${this.#events}-${this.canaries.payload.slice(-6)}`;
    const key = `process-${this.#events}`;
    const data = filled(sample?.data, this.#placeholders(key, id));
    const idempotencyKey = `${id}/verify`;
    this.standIn.know(id, idempotencyKey);
    return {
      event: {
        id,
        source: 'hms-adapter-verify',
        type: sample?.type ?? '',
        key,
        time: new Date(),
        data: Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)),
        dataContentType: sample?.dataContentType ?? 'application/json',
        attributes: { ...sample?.attributes },
      },
      idempotencyKey,
      attempt: 1,
      redelivered: false,
      timeoutMs: SETTLE_MAX_MS,
      ...changes,
    };
  }

  /** Makes an attempt and returns its outcome. @throws CheckFailure when there is none within 10 s, or within `withinMs`. */
  async deliver(
    target: Target,
    attempt = this.attempt(),
    { signal = new AbortController().signal, withinMs = SETTLE_MAX_MS }: Patience = {},
  ): Promise<Outcome> {
    const settled = await withinTime(withinMs, () => target.deliver(attempt, signal));
    if (!settled.late) return settled.result;
    throw new CheckFailure(`push had not settled after ${withinMs} ms`, {
      todo: 'hand context.signal to whatever is waited for, and settle when it aborts',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever still hangs there ends first, so that closing the adapter has nothing to wait for.
    await this.standIn[Symbol.asyncDispose]();
    await Promise.all(this.#opened.map((target) => target.close()));
  }

  #placeholders(key: string, id: string): Placeholders {
    return { ...this.canaries, url: this.standIn.url, key, id };
  }
}
