import { randomUUID } from 'node:crypto';
import type { DeliveryFilter } from '../journal/delivery-filter.ts';
import type { Journal } from '../journal/journal.ts';
import { JournalError } from '../journal/journal-error.ts';
import type { Positions } from '../journal/positions.ts';
import type { ReplayJob } from '../journal/replay-job.ts';
import type { Clock } from '../lanes/clock.ts';
import { BoundedQueue } from '../queues/bounded-queue.ts';

/** What an operator asks to replay. */
export interface ReplayOrder {
  readonly filter: DeliveryFilter;
  readonly ratePerSecond: number;
  readonly reason: string;
  readonly includeStale: boolean;
  readonly includeReplayed: boolean;
}

export interface ReplayJobsOptions {
  readonly journal: Pick<Journal, 'stepReplay' | 'saveJob' | 'readJobs'>;
  readonly clock: Clock;
  /** The place after the newest record. */
  readonly place: () => Positions;
  /** The name of this hub, where several share the journal: each runs its own jobs. */
  readonly hub?: string | undefined;
  /** Called with each job that ended while this hub ran, for the log. */
  readonly onEnd?: (job: ReplayJob) => void;
}

/** Each takes a share of the journal; an operator follows no more than these. */
export const RUNNING_JOBS_MAX = 8;

/** The replay jobs of the hub: made by operators, kept in the journal, continued after a restart. */
export class ReplayJobs {
  readonly #options: ReplayJobsOptions;
  readonly #running = new Map<string, RunningReplay>();
  /** Jobs that are being made: each has its place among the running ones. */
  #inTheMaking = 0;
  #stopped = false;

  constructor(options: ReplayJobsOptions) {
    this.#options = options;
  }

  /** Continues what an earlier process of this hub did not finish. Called once, before the others. */
  async resume(): Promise<void> {
    const { journal, hub } = this.#options;
    for (const job of await journal.readJobs()) {
      if (job.state === 'running' && (job.hub ?? hub) === hub) this.#run(job);
    }
  }

  /** What a job would send now, and what it would leave out; it is not kept and has no id. */
  async count(order: ReplayOrder): Promise<ReplayJob> {
    const { journal, clock } = this.#options;
    let job = this.#draft(order);
    while (job.state === 'running') {
      ({ job } = await journal.stepReplay({ job, atMs: clock.wallMs(), nowMs: clock.monotonicMs() }));
    }
    const { position: _, ...counted } = job;
    return { ...counted, matched: job.sent + job.skippedStale + job.skippedReplayed };
  }

  /** Makes a job and begins it, once it is on disk; undefined when as many run as may. */
  async begin(order: ReplayOrder): Promise<ReplayJob | undefined> {
    if (this.#running.size + this.#inTheMaking >= RUNNING_JOBS_MAX) return undefined;
    this.#inTheMaking++;
    try {
      const draft = this.#draft(order);
      const { matched } = await this.count(order);
      const { hub } = this.#options;
      const job: ReplayJob = { ...draft, id: randomUUID(), matched, ...(hub !== undefined && { hub }) };
      await this.#options.journal.saveJob(job);
      this.#run(job);
      return job;
    } finally {
      this.#inTheMaking--;
    }
  }

  /** The state of a job; undefined when there is none, or it is past retention. */
  async find(id: string): Promise<ReplayJob | undefined> {
    const running = this.#running.get(id)?.job;
    return running ?? (await this.#options.journal.readJobs()).find((job) => job.id === id);
  }

  /**
   * The state of a job now and on each change, to a slow reader less often; nothing when there is no such job. Ends with
   * the job, and, the last reported state still running, with the signal or the hub.
   */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<ReplayJob, void> {
    const running = this.#running.get(id);
    if (running !== undefined) {
      yield* running.watch(signal);
      return;
    }
    const job = await this.find(id);
    if (job !== undefined) yield job;
  }

  /** Ends a job after the step that it takes; undefined when there is none. One that has ended stays as it is. */
  async cancel(id: string): Promise<ReplayJob | undefined> {
    return (await this.#running.get(id)?.cancel()) ?? this.find(id);
  }

  /** Stops after the steps that are being taken; the jobs go on when a hub starts again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running.values().map((running) => running.stop()));
  }

  #run(job: ReplayJob): void {
    if (this.#stopped) return;
    const { journal, clock, onEnd } = this.#options;
    const running = new RunningReplay({ job, journal, clock });
    this.#running.set(job.id, running);
    void running.ended.then((ended) => {
      this.#running.delete(job.id);
      if (ended.state !== 'running') onEnd?.(ended);
    });
  }

  #draft({ filter, ...order }: ReplayOrder): ReplayJob {
    return {
      id: '',
      state: 'running',
      filter: { ...filter, states: ['dead_lettered'] },
      ...order,
      createdAtMs: this.#options.clock.wallMs(),
      upTo: Object.fromEntries(this.#options.place()),
      matched: 0,
      skippedStale: 0,
      skippedReplayed: 0,
      sent: 0,
    };
  }
}

export interface RunningReplayOptions {
  readonly job: ReplayJob;
  readonly journal: Pick<Journal, 'stepReplay' | 'saveJob'>;
  readonly clock: Clock;
}

/** At full rate a step every 25 ms; one of this many takes the journal about 10 ms. */
const STEP_DELIVERIES = 256;
/** Ten steps a second are even enough for whoever receives them. */
const STEPS_PER_SECOND = 10;
/** Of payload: it passes from the journal's thread to the lanes at once. */
const STEP_BYTES = 4 * 1024 * 1024;

/**
 * A replay job that is being carried out, from its making or the hub's start on. Steps follow each other so that never
 * more than the rate are sent within a second, by the monotonic clock.
 */
export class RunningReplay {
  /** Resolves when nothing more is done: with the job as it ended, or still running when the hub stops. */
  readonly ended: Promise<ReplayJob>;
  readonly #options: RunningReplayOptions;
  readonly #readers = new Set<BoundedQueue<true>>();
  #job: ReplayJob;
  #wish: 'go_on' | 'cancel' | 'stop' = 'go_on';
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(options: RunningReplayOptions) {
    this.#options = options;
    this.#job = options.job;
    this.ended = this.#run();
  }

  get job(): ReplayJob {
    return this.#job;
  }

  /** Ends the job after the step that it takes. */
  cancel(): Promise<ReplayJob> {
    if (this.#wish === 'go_on') this.#wish = 'cancel';
    this.#wake();
    return this.ended;
  }

  /** Stops after the step that it takes; the job stays a running one, unless it was cancelled before. */
  stop(): Promise<ReplayJob> {
    // Never over an operator's command: the job would go on after the restart.
    if (this.#wish === 'go_on') this.#wish = 'stop';
    this.#wake();
    return this.ended;
  }

  /** The state of the job now, then the newest each time that it has changed, until nothing more is done. */
  async *watch(signal: AbortSignal): AsyncGenerator<ReplayJob, void> {
    // One notification is for all changes: only the newest is read.
    const news = new BoundedQueue<true>({ capacity: 1, signal, whenFull: 'drop' });
    this.#readers.add(news);
    try {
      let seen: ReplayJob | undefined;
      while (!signal.aborted) {
        if (seen !== this.#job) {
          seen = this.#job;
          yield seen;
        } else if (this.#hasEnded) return;
        else await news.drain();
      }
    } finally {
      this.#readers.delete(news);
    }
  }

  async #run(): Promise<ReplayJob> {
    const { journal, clock } = this.#options;
    try {
      while (this.#job.state === 'running' && this.#wish === 'go_on') {
        const startedMs = clock.monotonicMs();
        const sentBefore = this.#job.sent;
        this.#notify(await this.#step());
        const dueMs = startedMs + ((this.#job.sent - sentBefore) * 1_000) / this.#job.ratePerSecond;
        if (this.#job.state === 'running') await this.#sleepUntil(dueMs);
      }
      if (this.#job.state === 'running' && this.#wish === 'cancel') {
        const cancelled = { ...this.#job, state: 'cancelled' } as const;
        await journal.saveJob(cancelled);
        this.#notify(cancelled);
      }
    } catch (error) {
      // The journal ended, and with it the hub; the next one goes on from what is on disk.
      if (!(error instanceof JournalError)) throw error;
    } finally {
      this.#hasEnded = true;
      this.#news();
    }
    return this.#job;
  }

  async #step(): Promise<ReplayJob> {
    const { journal, clock } = this.#options;
    const limit = Math.max(1, Math.min(STEP_DELIVERIES, Math.floor(this.#job.ratePerSecond / STEPS_PER_SECOND)));
    const bounds = { limit, limitBytes: STEP_BYTES };
    const request = { job: this.#job, atMs: clock.wallMs(), nowMs: clock.monotonicMs(), bounds };
    return (await journal.stepReplay(request)).job;
  }

  #notify(job: ReplayJob): void {
    this.#job = job;
    this.#news();
  }

  #news(): void {
    for (const news of this.#readers) news.push(true);
  }

  async #sleepUntil(dueMs: number): Promise<void> {
    const delayMs = dueMs - this.#options.clock.monotonicMs();
    if (delayMs <= 0 || this.#wish !== 'go_on') return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const cancel = this.#options.clock.startTimer(delayMs, resolve);
    await promise;
    cancel();
  }
}
