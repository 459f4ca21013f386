import type { Call } from './call.ts';
import { type CallQuery, matchesQuery } from './call-query.ts';

export interface CallLogOptions {
  /** How many calls are kept, 1 or more; the oldest is dropped first. */
  readonly keepCalls: number;
  /** How many bytes of bodies are kept in total; the oldest body is dropped first. */
  readonly keepBodyBytes: number;
  /** Called with each call that is dropped. */
  readonly onForgotten: (call: Call) => void;
  /** Called when a call arrived or changed. */
  readonly onChange: () => void;
}

/** How many calls match a query. */
export interface CallCount {
  /** The kept calls that match. */
  readonly count: number;
  /** Of these, the calls that had an effect. */
  readonly effects: number;
  /** Calls of any kind that are no longer kept: `count` is exact while this is 0. */
  readonly forgotten: number;
}

/** The newest calls, in a ring buffer. */
export class CallLog {
  readonly #options: CallLogOptions;
  #ring: Call[] = [];
  /** The sequence number of the ring's first slot. A cleared ring fills from its start: V8 keeps a sparse array as a hash table. */
  #ringStart = 1;
  #oldest = 1;
  #next = 1;
  #forgotten = 0;
  /** The bodies of all calls before this one are dropped. */
  #oldestBody = 1;
  #bodyBytes = 0;

  constructor(options: CallLogOptions) {
    this.#options = options;
  }

  /** The sequence number of the next call. */
  get nextSequence(): number {
    return this.#next;
  }

  /** How many bytes of bodies are kept. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Adds `call`, whose sequence number must be `nextSequence`. */
  add(call: Call): void {
    if (call.sequence !== this.#next) throw new RangeError(`expected call ${this.#next}, got call ${call.sequence}`);
    const place = this.#place(call.sequence);
    const displaced = this.#ring[place];
    if (displaced !== undefined) {
      this.#forgetBody(displaced);
      this.#oldest += 1;
      this.#forgotten += 1;
      this.#options.onForgotten(displaced);
    }
    this.#ring[place] = call;
    this.#next += 1;
    this.#bodyBytes += call.bodySizeBytes;
    this.#trimBodies();
    this.#options.onChange();
  }

  /** Call this after changing a kept call in place. */
  changed(): void {
    this.#options.onChange();
  }

  /** The calls that match, oldest first. */
  find(query: CallQuery): Call[] {
    const found: Call[] = [];
    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    for (const call of this.#from(query)) {
      if (found.length >= limit) break;
      if (matchesQuery(call, query)) found.push(call);
    }
    return found;
  }

  /** How many calls match; `limit` is ignored. */
  count(query: CallQuery): CallCount {
    let count = 0;
    let effects = 0;
    for (const call of this.#from(query)) {
      if (!matchesQuery(call, query)) continue;
      count += 1;
      if (call.effect) effects += 1;
    }
    return { count, effects, forgotten: this.#forgotten };
  }

  /**
   * Drops all calls and returns how many there were. Sequence numbers continue, so that an earlier `since` stays valid.
   */
  clear(): number {
    const cleared = this.#next - this.#oldest;
    for (const call of this.#from({})) {
      this.#forgetBody(call);
      this.#options.onForgotten(call);
    }
    this.#ring = [];
    this.#ringStart = this.#next;
    this.#oldest = this.#next;
    this.#oldestBody = this.#next;
    this.#forgotten = 0;
    this.#options.onChange();
    return cleared;
  }

  #place(sequence: number): number {
    return (sequence - this.#ringStart) % this.#options.keepCalls;
  }

  /** All calls after `since`. */
  *#from({ since = 0 }: CallQuery): Generator<Call> {
    for (let sequence = Math.max(this.#oldest, since + 1); sequence < this.#next; sequence += 1) {
      const call = this.#ring[this.#place(sequence)];
      if (call !== undefined) yield call;
    }
  }

  #forgetBody(call: Call): void {
    if (call.bodyText === null) return;
    call.bodyText = null;
    call.bodyBase64 = null;
    this.#bodyBytes -= call.bodySizeBytes;
  }

  #trimBodies(): void {
    if (this.#oldestBody < this.#oldest) this.#oldestBody = this.#oldest;
    while (this.#bodyBytes > this.#options.keepBodyBytes && this.#oldestBody < this.#next) {
      const call = this.#ring[this.#place(this.#oldestBody)];
      if (call !== undefined) this.#forgetBody(call);
      this.#oldestBody += 1;
    }
  }
}
