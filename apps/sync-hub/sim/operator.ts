import type { DeliveryFilter } from '../../src/journal/delivery-filter.ts';
import { JournalError } from '../../src/journal/journal.ts';
import type { Lane } from '../../src/lanes/lane.ts';
import type { Dice } from '../dice.ts';
import { replayStep } from '../replay.ts';
import type { Chronicle } from './chronicle.ts';
import type { HubModel } from './model.ts';
import type { HubProcess } from './process.ts';

export interface OperatorOptions {
  readonly dice: Dice;
  readonly chronicle: Chronicle;
  /** What is on disk. */
  readonly model: HubModel;
}

/** A person who asks, pauses and resumes, tries one delivery, replays and gives up. */
export class HubOperator {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** A question; the disk's side sees the answer as it is given. */
  ask(process: HubProcess): void {
    const { dice, model } = this.#options;
    const { journal } = process;
    const ask = dice.pick<() => Promise<unknown>>([
      () => journal.readEvent(dice.pick(model.events)?.event.id ?? 'unknown'),
      () => journal.countDeliveries(),
      () => journal.countDeliveriesOf(this.#filter()),
      () => journal.listDeliveries({ filter: this.#filter(), limit: dice.between(1, 10) }),
    ]);
    void this.#see(process, ask());
  }

  /** On disk first, as the rpc does it, so that a pause that was answered is there after a restart. */
  async pauseOrResume(process: HubProcess): Promise<void> {
    const { journal, facts } = process;
    const lane = this.#options.dice.pick([...process.lanes]);
    const known = lane && facts.lanes.get(lane.adapter.id);
    if (lane === undefined || known === undefined) return;
    const pause = known.isPaused ? undefined : { reason: 'maintenance', sinceMs: facts.time.wallMs() };
    const isKept = await this.#see(
      process,
      journal.saveLanePause({ adapter: lane.adapter.id, pause }).then(() => true),
    );
    if (isKept !== true || facts.isOver) return;
    known.isPaused = pause !== undefined;
    if (pause === undefined) lane.resume();
    else lane.pause({ kind: 'operator', reason: pause.reason });
  }

  /** Something about single deliveries. */
  operate(process: HubProcess): void {
    const { dice } = this.#options;
    const lane = dice.pick([...process.lanes]);
    if (lane === undefined) return;
    const act = dice.pick([
      () => this.#probe(process, lane),
      () => lane.retryNow(),
      () => this.#replay(process, lane.adapter.id),
      () => this.#discardDeadLetter(process, lane.adapter.id),
      () => this.#discardOpen(process, lane),
    ]);
    act();
  }

  /** Decides about a dead letter, which may hold its key. */
  decide(process: HubProcess, adapter: string, seq: number): void {
    const atMs = process.facts.time.wallMs();
    void this.#see(process, process.journal.discard({ adapter, seq, atMs, reason: 'decided' }));
  }

  #probe({ facts }: HubProcess, lane: Lane): void {
    const known = facts.lanes.get(lane.adapter.id);
    if (known === undefined) return;
    known.isAsked = true;
    if (lane.probe() === undefined) known.isAsked = false;
    else this.#options.chronicle.meet('probed');
  }

  #replay(process: HubProcess, adapter: string): void {
    const { chronicle, dice, model } = this.#options;
    // One that newer events of its key may overtake, where there is one.
    const followed = model.deadLetters(adapter).filter((deadLetter) => model.isOpenAfter(deadLetter, adapter));
    const seq = dice.pick(followed)?.seq ?? this.#deadLetter(adapter);
    const id = model.events[seq - 1]?.event.id ?? 'unknown';
    const request = { includeStale: dice.chance(0.5), atMs: process.facts.time.wallMs() };
    chronicle.meet('replayed');
    const step = replayStep({ eventIds: [id], adapters: [adapter] }, request);
    void this.#see(process, process.journal.stepReplay(step));
  }

  #discardDeadLetter(process: HubProcess, adapter: string): void {
    this.decide(process, adapter, this.#deadLetter(adapter));
  }

  async #discardOpen(process: HubProcess, lane: Lane): Promise<void> {
    const { dice, chronicle } = this.#options;
    const fetch = { adapter: lane.adapter.id, afterSeq: 0, limit: dice.between(1, 4), limitBytes: 1_000 };
    const page = await this.#see(process, process.journal.fetchOpen(fetch));
    if (page === undefined || process.facts.isOver || process.facts.isStopping) return;
    const count = await this.#see(process, lane.discard(page.deliveries, 'given up'));
    chronicle.must((count ?? 0) <= page.deliveries.length, 'no more is given up than was asked for');
    if ((count ?? 0) > 0) chronicle.meet('given up');
  }

  /** One that is none as well, now and then. */
  #deadLetter(adapter: string): number {
    const { dice, model } = this.#options;
    const dead = dice.chance(0.9) ? dice.pick(model.deadLetters(adapter)) : undefined;
    return dead?.seq ?? dice.between(1, model.events.length + 1);
  }

  /** What was asked is answered, unless the hub ends first. */
  async #see<Answer>({ facts }: HubProcess, asked: Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await asked;
    } catch (error) {
      const isEnding = error instanceof JournalError && (facts.hasFailed || facts.isClosed || facts.isOver);
      this.#options.chronicle.must(isEnding, `what is asked is answered, not: ${error}`);
      return undefined;
    }
  }

  #filter(): DeliveryFilter {
    const { dice, model } = this.#options;
    const { event, deliveries } = dice.pick(model.events) ?? { event: undefined, deliveries: [] };
    const [delivery] = deliveries;
    return {
      ...(dice.chance(0.3) && delivery !== undefined && { adapters: [delivery.adapter] }),
      ...(dice.chance(0.3) && { states: ['delivered', 'retrying'] }),
      ...(dice.chance(0.3) && event !== undefined && { keys: [event.key] }),
    };
  }
}
