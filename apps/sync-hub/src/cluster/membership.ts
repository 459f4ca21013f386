import { mayBegin, nextWakeMs, step } from '../core/ownership.ts';
import type { OwnershipEffect, OwnershipInput } from '../core/ownership-messages.ts';
import {
  createOwnership,
  type LaneOwnership,
  laneOwnerships,
  type OwnershipState,
  patienceMs,
} from '../core/ownership-state.ts';
import type { Hubs } from '../journal/cluster-journal.ts';
import { JournalError } from '../journal/journal-error.ts';
import type { Clock } from '../lanes/clock.ts';

/** The lanes of this hub, as its ownership of them comes and goes. One call for an adapter at a time. */
export interface OwnedLanes {
  /** This hub owns the lane from now on. */
  open(adapter: string, epoch: number): Promise<void>;
  /** Begins nothing more; resolves once what ran is recorded, or cannot be any more, and the adapter has ended. */
  drain(adapter: string): Promise<void>;
  /** Ends the adapter now: another hub may own the lane. */
  close(adapter: string): Promise<void>;
  /** No attempt begins in any lane, until `resume`. */
  hold(): void;
  resume(): void;
}

export interface MembershipOptions {
  readonly hubs: Hubs;
  readonly clock: Clock;
  /** `name`: the same for each process of a data folder. */
  readonly hub: { readonly name: string; readonly version: string };
  /** The adapters that this hub can run. */
  readonly canRun: readonly string[];
  readonly lanes: OwnedLanes;
  /** The others took this hub for dead: its process is to end, and a new one to begin. */
  readonly onLeft: (error: JournalError) => void;
  /** Who owns which lane may have changed. */
  readonly onChange: () => void;
}

/** One hub among those that share a journal: performs what core/ownership.ts decides. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #state: OwnershipState;
  readonly #stopped = Promise.withResolvers<void>();
  /** Of each adapter what is done about it, one after the other. */
  readonly #work = new Map<string, Promise<void>>();
  /** Of each adapter, while the hub owns it with this epoch, how long attempts may take. */
  readonly #longest = new Map<string, { readonly epoch: number; timeoutMs: number }>();
  #timer: () => void = () => undefined;
  #isOver = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { hubs, hub } = options;
    this.#state = createOwnership({ hub: hubs.id, name: hub.name, previousIsDead: true }, this.#now());
  }

  /** The others know this hub from now on. */
  async join(): Promise<void> {
    const { hubs, hub } = this.#options;
    await hubs.join(hub);
  }

  /** Claims lanes from now on. */
  start(): void {
    this.#handle({ kind: 'time_passed', at: this.#now() });
  }

  /** To be asked before each attempt. */
  mayBegin(adapter: string): boolean {
    const at = this.#now();
    if (mayBegin(this.#state, adapter, at)) return true;
    // The process may have stood still: what has to end then ends now.
    this.#handle({ kind: 'time_passed', at });
    return false;
  }

  /** Before attempts of a lane may take as long as this; resolves once the others wait for them. */
  async expectAttempts(adapter: string, timeoutMs: number): Promise<void> {
    const { hubs, clock } = this.#options;
    const epoch = this.#state.own.get(adapter)?.epoch ?? 0;
    const before = this.#longest.get(adapter);
    // Another version of the adapter may run beside it, with attempts that take longer.
    const longest = before?.epoch === epoch ? before : { epoch, timeoutMs };
    longest.timeoutMs = Math.max(longest.timeoutMs, timeoutMs);
    this.#longest.set(adapter, longest);
    while (!this.#isOver) {
      try {
        return await hubs.setPatience(adapter, epoch, patienceMs(longest.timeoutMs));
      } catch {
        // The database is away, so no attempt begins anyhow.
        await new Promise<void>((resolve) => clock.startTimer(1_000, resolve));
      }
    }
  }

  /** A write of the lane was refused. */
  lost(adapter: string, epoch: number): void {
    this.#handle({ kind: 'lane_lost', at: this.#now(), adapter, epoch });
  }

  /** Who owns each lane, as far as this hub knows. */
  get lanes(): readonly LaneOwnership[] {
    return laneOwnerships(this.#state, this.#now());
  }

  /** Drains and releases its lanes. Resolves once others may have them. */
  async stop(): Promise<void> {
    this.#handle({ kind: 'stop', at: this.#now() });
    await this.#stopped.promise;
    await this.#options.hubs.leave().catch(() => undefined);
  }

  #now() {
    const { clock } = this.#options;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  #handle(input: OwnershipInput): void {
    if (this.#isOver) return;
    for (const effect of step(this.#state, input)) this.#perform(effect);
    this.#timer();
    if (this.#isOver) return;
    const { clock } = this.#options;
    const waitMs = Math.max(0, nextWakeMs(this.#state) - clock.monotonicMs());
    this.#timer = clock.startTimer(waitMs, () => this.#handle({ kind: 'time_passed', at: this.#now() }));
  }

  #perform(effect: OwnershipEffect): void {
    const { hubs, lanes, canRun, onLeft, onChange } = this.#options;
    switch (effect.kind) {
      case 'pulse':
        this.#answer(effect.number, hubs.pulse(effect, canRun), (answered) => {
          const { number } = effect;
          this.#handle({ kind: 'pulse_answered', at: this.#now(), number, ...answered });
        });
        break;
      case 'claim':
        this.#answer(effect.number, hubs.claim(effect), (isTaken) => {
          this.#handle({ kind: 'claim_answered', at: this.#now(), number: effect.number, isTaken });
        });
        break;
      case 'release':
        this.#answer(effect.number, hubs.release(effect));
        break;
      case 'settle':
        this.#answer(effect.number, hubs.settle(effect));
        break;
      case 'reconnect':
        hubs.reconnect();
        break;
      case 'hold':
        lanes.hold();
        onChange();
        break;
      case 'resume':
        lanes.resume();
        onChange();
        break;
      case 'open':
        this.#then(effect.adapter, () => lanes.open(effect.adapter, effect.epoch));
        break;
      case 'drain':
        this.#then(effect.adapter, async () => {
          await lanes.drain(effect.adapter);
          this.#handle({ kind: 'drained', at: this.#now(), adapter: effect.adapter, epoch: effect.epoch });
        });
        break;
      case 'close':
        this.#then(effect.adapter, () => lanes.close(effect.adapter));
        break;
      case 'rejoin':
        this.#end();
        this.#stopped.resolve();
        onLeft(
          new JournalError(
            'FAILED',
            'The other hubs took this one for dead, or the database lost it in a failover. It joins again once it is started.',
          ),
        );
        break;
      case 'stopped':
        this.#end();
        this.#stopped.resolve();
        break;
      default:
        effect satisfies never;
    }
  }

  #answer<Answer>(
    number: number,
    request: Promise<Answer>,
    use: (answer: Answer) => void = () => this.#handle({ kind: 'request_ended', at: this.#now(), number }),
  ): void {
    request.then(use, () => this.#handle({ kind: 'request_ended', at: this.#now(), number }));
  }

  #then(adapter: string, work: () => Promise<void>): void {
    const { onChange } = this.#options;
    // What fails here fails by a fault of the hub, which is to end the process.
    this.#work.set(adapter, (this.#work.get(adapter) ?? Promise.resolve()).then(work).then(onChange));
  }

  #end(): void {
    this.#isOver = true;
    this.#timer();
  }
}
