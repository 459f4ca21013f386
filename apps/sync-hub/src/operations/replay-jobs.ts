import { randomUUID } from 'node:crypto';
import type { DeliveryFilter } from '../journal/delivery-filter.ts';
import type { Journal } from '../journal/journal.ts';
import type { Positions } from '../journal/positions.ts';
import type { ReplayJob } from '../journal/replay-job.ts';
import type { Clock } from '../lanes/clock.ts';
import { RunningReplay } from './running-replay.ts';

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

  /** Continues what an earlier hub process did not finish. Called once, before the others. */
  async resume(): Promise<void> {
    for (const job of await this.#options.journal.readJobs()) {
      if (job.state === 'running') this.#run(job);
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
      const job: ReplayJob = { ...draft, id: randomUUID(), matched };
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
