import type { StoreAccept } from '../calls.ts';
import type { AcceptRequest, FullDisk } from '../journal.ts';
import type { Heads } from './heads.ts';
import type { Lane } from './lane-table.ts';
import type { Parts } from './parts.ts';

/** Accepts new events, each with a delivery for every adapter that receives events. */
export class Accepting {
  readonly #parts: Parts & { readonly heads: Heads };
  /** Of the lanes that receive, by id; the lanes give another list whenever they change. */
  #adapters: { readonly lanes: readonly Lane[]; readonly ids: string } = { lanes: [], ids: '' };

  constructor(parts: Parts & { readonly heads: Heads }) {
    this.#parts = parts;
  }

  /** With a full disk, that is the answer for an event that is not known yet. */
  accept(request: AcceptRequest, full: FullDisk | undefined): StoreAccept {
    if (full !== undefined) return this.#known(request) ?? full;
    const { lanes, events } = this.#parts;
    if (this.#adapters.lanes !== lanes.receiving) {
      this.#adapters = { lanes: lanes.receiving, ids: lanes.receiving.map(({ id }) => id).join() };
    }
    const seq = events.insert(request, this.#adapters.ids);
    if (seq === undefined) return this.#known(request) ?? { kind: 'conflict' };
    const heldByKey = this.#addDeliveries(request, seq);
    return heldByKey.length === 0 ? seq : { kind: 'held', seq, heldByKey };
  }

  /** The adapters at which it is held by its key. */
  #addDeliveries({ event: { key }, nowMs }: AcceptRequest, seq: number): readonly string[] {
    const { deliveries, heads, news } = this.#parts;
    const heldByKey: string[] = [];
    const isAnyOpen = key !== '' && deliveries.isAnyOpen(key);
    for (const lane of this.#adapters.lanes) {
      const oldest = isAnyOpen ? deliveries.oldestOpen(lane, key) : undefined;
      const isHeld = key !== '' && lane.holds && deliveries.oldestDeadSeq(lane, key) < seq;
      const isHead = oldest === undefined && !isHeld;
      const dueAtMs = isHead ? heads.place(lane, seq, nowMs) : 0;
      deliveries.insert(lane, { seq, key, isHead, dueAtMs, sinceMs: nowMs });
      if (isHead) news.accepted(lane, seq, dueAtMs);
      else if (isHeld || deliveries.isRetrying(oldest)) heldByKey.push(lane.id);
    }
    return heldByKey;
  }

  #known({ event: said, contentHash }: AcceptRequest): StoreAccept | undefined {
    const { lanes, events, records } = this.#parts;
    const known = events.known(said, contentHash);
    if (known === undefined) return undefined;
    if (!known.isSame) return { kind: 'conflict' };
    const before = new Map<string, number>();
    for (const adapter of known.event.adapters) {
      const lane = lanes.open(adapter);
      const first = records.firstPosition(lane, known.event.seq);
      before.set(adapter, first === undefined ? lane.position : first - 1);
    }
    return { kind: 'duplicate', event: known.event, before };
  }
}
