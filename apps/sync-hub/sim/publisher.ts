import type { PublishedEvent } from '../../src/edges/event-message.ts';
import type { Intaken } from '../../src/edges/intake.ts';
import { Refusal } from '../../src/edges/refusal.ts';
import type { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import type { Dice } from '../dice.ts';
import type { Chronicle } from './chronicle.ts';
import { type HubPlan, OTHER_TYPE, TAKEN_TYPE } from './plan.ts';
import type { HubProcess } from './process.ts';

export interface PublisherOptions {
  readonly plan: HubPlan;
  readonly dice: Dice;
  readonly disk: MemoryDisk;
  readonly chronicle: Chronicle;
}

/** Publishes, again when it heard nothing and often when it did, and keeps every answer to hold the hub to it. */
export class HubPublisher {
  readonly #options: PublisherOptions;
  readonly #published: PublishedEvent[] = [];
  /** The event of each id that was answered with success. */
  readonly #accepted = new Map<string, { readonly seq: number; readonly data: string }>();
  readonly #takenAsNew = new Set<string>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** What is promised: neither lost nor changed, whatever happened since. */
  get accepted(): ReadonlyMap<string, { readonly seq: number }> {
    return this.#accepted;
  }

  get isDone(): boolean {
    return this.#published.length >= this.#options.plan.events;
  }

  /** A few new events, or one that was published before: as it was, or with other content. */
  publish(process: HubProcess, onAccepted: (intaken: Intaken) => void): void {
    const { dice, plan } = this.#options;
    const earlier = plan.duplicates && dice.chance(0.4) ? dice.pick(this.#published) : undefined;
    if (earlier !== undefined) {
      const other = { case: 'data', value: Uint8Array.of(255, dice.between(0, 255)) } as const;
      this.#send(process, dice.chance(0.3) ? { ...earlier, payload: other } : earlier, onAccepted);
      return;
    }
    const count = Math.min(dice.between(1, 4), plan.events - this.#published.length);
    for (let left = count; left > 0; left -= 1) {
      const event = this.#createEvent();
      this.#published.push(event);
      this.#send(process, event, onAccepted);
    }
  }

  #createEvent(): PublishedEvent {
    const { dice, plan } = this.#options;
    return {
      id: `event-${this.#published.length + 1}`,
      source: 'sim',
      type: dice.chance(0.8) ? TAKEN_TYPE : OTHER_TYPE,
      key: dice.pick(plan.keys),
      payload: { case: 'data', value: new Uint8Array(dice.between(0, plan.payloadBytesMax)).fill(7) },
      dataContentType: 'application/octet-stream',
      attributes: {},
    };
  }

  #send(process: HubProcess, event: PublishedEvent, onAccepted: (intaken: Intaken) => void): void {
    const { facts } = process;
    const { isStopping } = facts;
    process.parts.intake.accept(event).then(
      (intaken) => {
        if (facts.isOver) return;
        this.#options.chronicle.must(!isStopping, 'a hub that stops takes no event');
        this.#hearAccepted(event, intaken);
        onAccepted(intaken);
      },
      (error: unknown) => {
        if (!facts.isOver) this.#hearRefused(event, process, error);
      },
    );
  }

  #hearAccepted({ id, payload }: PublishedEvent, { event, duplicate, lastCursor }: Intaken): void {
    const { disk, chronicle } = this.#options;
    const { seq } = event;
    chronicle.meet(duplicate ? 'duplicate' : 'accepted');
    const data = payload.case === 'data' ? payload.value.join() : '';
    const stored = disk.eventsById.get(id);
    chronicle.must(stored?.event.seq === seq, `${id} is on disk, as ${seq}, when it is accepted`);
    chronicle.must(stored?.event.data.join() === data, `${id} is accepted with the content that was published`);
    const before = this.#accepted.get(id);
    chronicle.must(before === undefined || before.seq === seq, `${id} is the same event each time it is published`);
    chronicle.must(duplicate || !this.#takenAsNew.has(id), `${id} is accepted as new once`);
    if (!duplicate) this.#takenAsNew.add(id);
    const records = [...(stored?.deliveries.values() ?? [])].flatMap((delivery) => delivery.records);
    const isBefore = records.every(({ cursor }) => cursor > lastCursor);
    chronicle.must(isBefore, `every record of ${id} comes after the cursor that came with its acceptance`);
    this.#accepted.set(id, { seq, data });
  }

  #hearRefused({ id, payload }: PublishedEvent, { facts }: HubProcess, error: unknown): void {
    const { disk, chronicle } = this.#options;
    const reason = error instanceof Refusal ? error.reason : String(error);
    chronicle.meet(reason);
    switch (reason) {
      case 'EVENT_ID_CONFLICT': {
        const stored = disk.eventsById.get(id)?.event.data.join();
        const isOther = stored !== undefined && payload.case === 'data' && stored !== payload.value.join();
        chronicle.must(isOther, `${id} is refused as used before only when other content was`);
        break;
      }
      case 'JOURNAL_FULL':
        chronicle.must(!this.#accepted.has(id), `${id} was accepted and needs no room again`);
        break;
      case 'HUB_OVERLOADED':
        break;
      case 'HUB_STOPPING':
        chronicle.must(facts.isStopping, 'a hub that runs does not say that it stops');
        break;
      case 'JOURNAL_FAILED':
        chronicle.must(facts.hasFailed || facts.isClosed, 'a journal that works does not say that it failed');
        break;
      default:
        chronicle.must(false, `${id} is accepted or refused for a reason, not ${reason}`);
    }
  }
}
