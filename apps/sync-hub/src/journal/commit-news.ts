import type { ReadyDelivery, RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { CommitReport, LaneReport, StoreAnswer } from './calls.ts';
import type { CallName } from './journal.ts';

/** A lane, as an implementation has it at hand: one object for each. */
interface Lane {
  readonly id: string;
}

/** Payloads of heads that are reported with one commit: more is read by the lane when it has room. */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

interface News extends LaneReport {
  /** Of each of `ready`. */
  readonly seqs: number[];
  readonly ready: number[];
  readonly heads: ReadyDelivery[];
  isMore: boolean;
  nextDueAtMs: number;
  lostEpoch: number;
}

/** What a transaction makes true beside its answers, gathered as it goes. */
export class CommitNews {
  /** The index of the call that is being answered. */
  call = 0;
  #records: { call: number; record: RecordedDelivery }[] = [];
  #reopened: ReopenedDelivery[] = [];
  #lanes = new Map<Lane, News>();
  #payloadBytes = 0;
  /** Of heads: an event that goes to several adapters is read, and travels, once. */
  readonly #events = new Map<number, AcceptedEvent>();

  /** As it was read before in this transaction. */
  event(seq: number, read: (seq: number) => AcceptedEvent): AcceptedEvent {
    const event = this.#events.get(seq) ?? read(seq);
    this.#events.set(seq, event);
    return event;
  }

  /** A delivery of the event that this call accepts is ready. */
  accepted(lane: Lane, seq: number, dueAtMs: number): void {
    const news = this.#of(lane);
    // What comes after something that was left out is read with it.
    if (news.isMore) return;
    news.seqs.push(seq);
    news.ready.push(this.call, dueAtMs);
  }

  /** An older one is ready. */
  ready(lane: Lane, read: () => ReadyDelivery): void {
    const news = this.#of(lane);
    if (this.#payloadBytes >= PAYLOAD_BYTES_MAX) news.isMore = true;
    if (news.isMore) return;
    const delivery = read();
    this.#payloadBytes += delivery.event.data.byteLength;
    news.seqs.push(delivery.event.seq);
    news.ready.push(-1, delivery.dueAtMs);
    news.heads.push(delivery);
  }

  /** Others are ready, whose order is not known here. */
  more(lane: Lane): void {
    this.#of(lane).isMore = true;
  }

  due(lane: Lane, dueAtMs: number): void {
    const news = this.#of(lane);
    news.nextDueAtMs = Math.min(news.nextDueAtMs, dueAtMs);
  }

  lost(lane: Lane, epoch: number): void {
    this.#of(lane).lostEpoch = epoch;
  }

  /** It is not ready any more, though it became so in this transaction. */
  withdraw(lane: Lane, seq: number): void {
    const news = this.#lanes.get(lane);
    const place = news?.seqs.indexOf(seq) ?? -1;
    if (news === undefined || place < 0) return;
    if (news.ready[2 * place] === -1) {
      news.heads.splice(
        news.heads.findIndex(({ event }) => event.seq === seq),
        1,
      );
    }
    news.ready.splice(2 * place, 2);
    news.seqs.splice(place, 1);
  }

  record(record: RecordedDelivery): void {
    this.#records.push({ call: this.call, record });
  }

  reopened(delivery: ReopenedDelivery): void {
    this.#reopened.push(delivery);
  }

  /** All of it; the next transaction begins with nothing. */
  report(answers: readonly StoreAnswer<CallName>[]): CommitReport {
    const report = {
      answers,
      records: this.#records,
      reopened: this.#reopened,
      lanes: Array.from(this.#lanes.values(), ({ seqs: _, ...news }) => news),
    };
    this.clear();
    return report;
  }

  clear(): void {
    this.#records = [];
    this.#reopened = [];
    this.#lanes = new Map();
    this.#events.clear();
    this.#payloadBytes = 0;
  }

  #of(lane: Lane): News {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const news = {
      adapter: lane.id,
      seqs: [],
      ready: [],
      heads: [],
      isMore: false,
      nextDueAtMs: Number.POSITIVE_INFINITY,
      lostEpoch: 0,
    };
    this.#lanes.set(lane, news);
    return news;
  }
}
