import type { ReadyDelivery, ReadyPlace } from './delivery.ts';
import type { LookPlace, RecordEffect } from './lane-messages.ts';

interface Row {
  ready: ReadyDelivery;
  isOpen: boolean;
  isHead: boolean;
}

/** What a change made of the head of a key. */
export interface HeadNews {
  readonly ready: readonly ReadyDelivery[];
  readonly nextDueAtMs: number;
}

/**
 * The deliveries of one lane and the heads of their keys, by the rule as it is written down: what a journal does for
 * tests of the core, which import nothing else. Journals are held to the rule by their own suite.
 */
export class KeyHeads {
  readonly #rows = new Map<number, Row>();
  #lastGiven: ReadyPlace = { dueAtMs: 0, seq: 0 };

  add(ready: ReadyDelivery, nowMs: number): HeadNews {
    const row: Row = { ready, isOpen: true, isHead: false };
    this.#rows.set(ready.event.seq, row);
    const { key } = ready.event;
    const isFree = key === '' || ![...this.#ofKey(key)].some((other) => other.isHead);
    return isFree ? this.#makeHead(row, nowMs) : NO_NEWS;
  }

  /** An outcome: the head of the key is computed again. */
  record(
    { event, counts, state, nextAttemptInMs, notBeforeInMs }: RecordEffect,
    { atMs, nowMs }: { readonly atMs: number; readonly nowMs: number },
  ): HeadNews {
    const row = this.#row(event.seq);
    row.ready = {
      ...row.ready,
      ...counts,
      dueAtMs: atMs + (nextAttemptInMs ?? 0),
      notBeforeMs: notBeforeInMs === 0 ? 0 : atMs + notBeforeInMs,
      mayHaveRun: false,
    };
    row.isOpen = state === 'retrying';
    return this.#compute(row, nowMs);
  }

  settle(seq: number, nowMs: number): HeadNews {
    const row = this.#row(seq);
    row.isOpen = false;
    return this.#compute(row, nowMs);
  }

  /** A new cycle; the later delivery that is the head of its key stays it. */
  reopen(ready: ReadyDelivery, nowMs: number): { readonly news: HeadNews; readonly behindSeq: number | undefined } {
    const head = [...this.#ofKey(ready.event.key)].find(({ isHead }) => isHead);
    return { news: this.add(ready, nowMs), behindSeq: head?.ready.event.seq };
  }

  giveBack(seq: number, nowMs: number): HeadNews {
    return this.#compute(this.#row(seq), nowMs);
  }

  endWaits(nowMs: number): void {
    for (const row of this.#rows.values()) {
      if (row.isOpen && row.ready.dueAtMs > nowMs) row.ready = { ...row.ready, dueAtMs: nowMs, notBeforeMs: 0 };
      if (row.isOpen && row.isHead) this.#makeHead(row, nowMs);
    }
  }

  readReady(after: ReadyPlace | undefined, nowMs: number, limit: number) {
    const later = this.#heads().filter((head) => isAfter(head, after));
    const ready = later.filter(({ dueAtMs }) => dueAtMs <= nowMs);
    const nextDueAtMs = later.find(({ dueAtMs }) => dueAtMs > nowMs)?.dueAtMs ?? Number.POSITIVE_INFINITY;
    return { deliveries: ready.slice(0, limit), isEnd: ready.length <= limit, nextDueAtMs };
  }

  readHead(at: LookPlace, nowMs: number): ReadyDelivery | undefined {
    return this.#heads().find((head) => {
      const { event, notBeforeMs } = head;
      if ('seq' in at) return event.seq === at.seq;
      const { after, except, ignoreNotBefore } = at;
      if (!isAfter(head, after)) return false;
      const isOther = event.seq !== except?.seq && (event.key === '' || event.key !== except?.key);
      return isOther && (ignoreNotBefore || notBeforeMs <= nowMs);
    });
  }

  #compute({ ready: { event } }: Row, nowMs: number): HeadNews {
    const rows = event.key === '' ? [this.#row(event.seq)] : [...this.#ofKey(event.key)];
    for (const row of rows) row.isHead = false;
    const head = rows.filter(({ isOpen }) => isOpen).sort((a, b) => a.ready.event.seq - b.ready.event.seq)[0];
    return head === undefined ? NO_NEWS : this.#makeHead(head, nowMs);
  }

  #makeHead(row: Row, nowMs: number): HeadNews {
    row.isHead = true;
    if (row.ready.dueAtMs > nowMs) return { ready: [], nextDueAtMs: row.ready.dueAtMs };
    const { seq } = row.ready.event;
    let dueAtMs = Math.max(row.ready.dueAtMs, nowMs, this.#lastGiven.dueAtMs);
    if (dueAtMs === this.#lastGiven.dueAtMs && seq <= this.#lastGiven.seq) dueAtMs += 0.001;
    this.#lastGiven = { dueAtMs, seq };
    row.ready = { ...row.ready, dueAtMs };
    return { ready: [row.ready], nextDueAtMs: Number.POSITIVE_INFINITY };
  }

  #heads(): ReadyDelivery[] {
    const heads = [...this.#rows.values()].filter(({ isOpen, isHead }) => isOpen && isHead);
    return heads.map(({ ready }) => ready).sort((a, b) => a.dueAtMs - b.dueAtMs || a.event.seq - b.event.seq);
  }

  *#ofKey(key: string): Iterable<Row> {
    if (key === '') return;
    for (const row of this.#rows.values()) if (row.ready.event.key === key) yield row;
  }

  #row(seq: number): Row {
    const row = this.#rows.get(seq);
    if (row === undefined) throw new Error(`there is no delivery of seq ${seq}`);
    return row;
  }
}

function isAfter({ dueAtMs, event }: ReadyDelivery, after: ReadyPlace | undefined): boolean {
  return after === undefined || dueAtMs > after.dueAtMs || (dueAtMs === after.dueAtMs && event.seq > after.seq);
}

const NO_NEWS: HeadNews = { ready: [], nextDueAtMs: Number.POSITIVE_INFINITY };
