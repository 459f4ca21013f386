import type { EventIdentity } from '../src/core/event.ts';
import type { PublishedEvent } from '../src/edges/publishing/event-message.ts';
import type { Acceptance } from '../src/edges/publishing/intake.ts';
import { RequestError } from '../src/edges/request-error.ts';
import { isAfter } from '../src/journal/positions.ts';
import type { JournalModel } from './model/model.ts';
import { ACCEPTED_TYPE, type HubPlan, OTHER_TYPE } from './plan.ts';
import type { HubProcess } from './process.ts';
import type { Rng } from './rng.ts';
import type { Trace } from './trace.ts';

export interface PublisherOptions {
  readonly plan: HubPlan;
  readonly rng: Rng;
  readonly trace: Trace;
  /** What is on disk. */
  readonly model: JournalModel;
}

/** Publishes, again when it heard nothing and often when it did, and keeps every answer to hold the hub to it. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #published: PublishedEvent[] = [];
  /** The event of each identity that was answered with success. */
  readonly #accepted = new Map<string, EventIdentity & { readonly seq: number }>();
  readonly #acceptedAsNew = new Set<string>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** What is promised: neither lost nor changed, whatever happened since. */
  get accepted(): Iterable<EventIdentity & { readonly seq: number }> {
    return this.#accepted.values();
  }

  /** A few new events, or one that was published before: as it was, or with other content. */
  publish(process: HubProcess, onAccepted: (acceptance: Acceptance) => void): void {
    const { rng, plan } = this.#options;
    const earlier = plan.duplicates && rng.chance(0.4) ? rng.pick(this.#published) : undefined;
    if (earlier !== undefined) {
      const other = { case: 'data', value: Uint8Array.of(255, rng.between(0, 255)) } as const;
      this.#send(process, rng.chance(0.3) ? { ...earlier, payload: other } : earlier, onAccepted);
      return;
    }
    const count = Math.min(rng.between(1, plan.burst), plan.events - this.#published.length);
    for (let left = count; left > 0; left -= 1) {
      const event = this.#createEvent();
      this.#published.push(event);
      this.#send(process, event, onAccepted);
    }
  }

  #createEvent(): PublishedEvent {
    const { rng, plan } = this.#options;
    const number = this.#published.length + 1;
    return {
      // Two sources may have the same id.
      id: `event-${plan.sources.length > 1 ? Math.ceil(number / 2) : number}`,
      source: plan.sources[number % plan.sources.length] ?? '',
      type: rng.chance(0.8) ? ACCEPTED_TYPE : OTHER_TYPE,
      key: plan.distinctKeys ? `key-${number}` : rng.pick(plan.keys),
      payload: { case: 'data', value: new Uint8Array(rng.between(0, plan.payloadBytesMax)).fill(7) },
      dataContentType: 'application/octet-stream',
      attributes: rng.chance(plan.poison) ? { poison: 'yes' } : {},
    };
  }

  #send(process: HubProcess, event: PublishedEvent, onAccepted: (acceptance: Acceptance) => void): void {
    const { facts } = process;
    const { isStopping } = facts;
    process.parts.intake.accept(event).then(
      (acceptance) => {
        if (facts.isOver) return;
        this.#options.trace.must(!isStopping, 'a hub that stops accepts no event');
        this.#hearAccepted(event, acceptance);
        onAccepted(acceptance);
      },
      (error: unknown) => {
        if (!facts.isOver) this.#handleRejected(event, process, error);
      },
    );
  }

  #hearAccepted({ id, source, payload }: PublishedEvent, { event, duplicate, place }: Acceptance): void {
    const { model, trace } = this.#options;
    const { seq } = event;
    const name = nameOf({ id, source });
    trace.meet(duplicate ? 'duplicate' : 'accepted');
    const data = payload.case === 'data' ? payload.value.join() : '';
    const stored = model.byIdentity({ id, source });
    trace.must(stored?.seq === seq, `${name} is on disk, as ${seq}, when it is accepted`);
    trace.must(stored?.data.join() === data, `${name} is accepted with the content that was published`);
    const before = this.#accepted.get(name);
    trace.must(before === undefined || before.seq === seq, `${name} is the same event each time it is published`);
    trace.must(duplicate || !this.#acceptedAsNew.has(name), `${name} is accepted as new once`);
    if (!duplicate) this.#acceptedAsNew.add(name);
    const records = event.adapters.flatMap((adapter) => model.recordsOf(adapter, seq));
    const isBefore = records.every((record) => isAfter(record, place));
    trace.must(isBefore, `every record of ${name} comes after the place that came with its acceptance`);
    this.#accepted.set(name, { id, source, seq });
  }

  #handleRejected({ id, source, payload }: PublishedEvent, { facts }: HubProcess, error: unknown): void {
    const { model, trace } = this.#options;
    const reason = error instanceof RequestError ? error.reason : String(error);
    const name = nameOf({ id, source });
    trace.meet(reason);
    switch (reason) {
      case 'EVENT_ID_CONFLICT': {
        const stored = model.byIdentity({ id, source })?.data.join();
        const isOther = stored !== undefined && payload.case === 'data' && stored !== payload.value.join();
        trace.must(isOther, `${name} is refused as used before only when other content was`);
        break;
      }
      case 'JOURNAL_FULL':
        trace.must(!this.#accepted.has(name), `${name} was accepted and needs no room again`);
        break;
      case 'HUB_OVERLOADED':
        break;
      case 'HUB_STOPPING':
        trace.must(facts.isStopping, 'a hub that runs does not report that it stops');
        break;
      case 'JOURNAL_FAILED':
        trace.must(facts.hasFailed || facts.isClosed, 'a journal that works does not report that it failed');
        break;
      default:
        trace.must(false, `${name} is accepted or refused for a reason, not ${reason}`);
    }
  }
}

/** Ids are unique within a source. */
function nameOf({ id, source }: EventIdentity): string {
  return `${id} of "${source}"`;
}
