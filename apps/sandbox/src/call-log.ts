import type { Call } from './call.ts';
import { type CallQuery, matchesQuery } from './call-query.ts';

export interface CallLogOptions {
  /** Calls that are remembered, 1 or more; the oldest is forgotten first. */
  readonly keepCalls: number;
  /** Bytes of bodies that are remembered, all calls together; the oldest body is forgotten first. */
  readonly keepBodyBytes: number;
  /** Called with each call that is forgotten. */
  readonly onForgotten: (call: Call) => void;
  /** Called when a call arrived or changed. */
  readonly onChange: () => void;
}

/** How many calls fit a query. */
export interface CallCount {
  /** Those that are remembered and fit. */
  readonly count: number;
  /** Those among them by which a change took effect. */
  readonly effects: number;
  /** Calls of any kind that came and are no longer remembered: `count` is exact while this is 0. */
  readonly forgotten: number;
}

/** The bounded memory of calls: a ring, in which the newest call takes the place of the oldest. */
export class CallLog {
  readonly #options: CallLogOptions;
  #ring: Call[] = [];
  /**
   * The sequence number that sits, or will sit, in the ring's first place: a cleared ring fills from its beginning, an
   * array that grows from its middle would be kept as a hash table.
   */
  #ringStart = 1;
  #oldest = 1;
  #next = 1;
  #forgotten = 0;
  /** No call before this one has its body any more. */
  #oldestBody = 1;
  #bodyBytes = 0;

  constructor(options: CallLogOptions) {
    this.#options = options;
  }

  /** The sequence number that the next call is to carry. */
  get nextSequence(): number {
    return this.#next;
  }

  /** Bytes of bodies that are remembered now. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** Remembers `call`, whose sequence number must be `nextSequence`. */
  add(call: Call): void {
    if (call.sequence !== this.#next) throw new RangeError(`call ${call.sequence} came where ${this.#next} was due`);
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

  /** To be called when a remembered call was changed in place. */
  changed(): void {
    this.#options.onChange();
  }

  /** The calls that fit, oldest first. */
  find(query: CallQuery): Call[] {
    const found: Call[] = [];
    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    for (const call of this.#from(query)) {
      if (found.length >= limit) break;
      if (matchesQuery(call, query)) found.push(call);
    }
    return found;
  }

  /** How many calls fit; `limit` plays no part. */
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
   * Forgets all calls and returns how many there were. Sequence numbers continue, so that a `since` from before stays right.
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

  /** All calls that a query can be about: `since` is skipped to, not searched for. */
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
