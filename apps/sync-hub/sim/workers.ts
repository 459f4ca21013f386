import { availableParallelism } from 'node:os';
import { parentPort, Worker } from 'node:worker_threads';
import { threadEntry } from '../src/files/thread-entry.ts';
import { type Played, playUntilViolation, type SimulationName, type Violation } from './play.ts';

interface Part {
  readonly simulation: SimulationName;
  readonly firstSeed: number;
  readonly schedules: number;
}

/** Enough that asking for the next part costs nothing, and few enough that all cores end together. */
const PART_SCHEDULES = 100;

/**
 * Plays schedules on every core, each in a thread of its own, for a schedule replaces the global timers of the thread
 * that plays it. The result is the same as with one thread: the lowest seed that breaks a promise.
 */
export async function playOnEveryCore(
  simulation: SimulationName,
  firstSeed: number,
  schedules: number,
): Promise<Played> {
  const parts = partsOf(simulation, firstSeed, schedules);
  const workers = Math.min(availableParallelism(), parts.length);
  if (workers < 2) return playUntilViolation(simulation, firstSeed, schedules);
  let violation: Violation | undefined;
  let steps = 0;
  const play = async () => {
    const worker = new ScheduleWorker();
    // In their order: when one breaks a promise, only those that are being played may still do so with a lower seed.
    for (let part = parts.shift(); part !== undefined && violation === undefined; part = parts.shift()) {
      const played = await worker.play(part);
      steps += played.steps;
      violation = lower(violation, played.violation);
    }
    await worker.end();
  };
  await Promise.all(Array.from({ length: workers }, play));
  return { violation, steps };
}

class ScheduleWorker {
  readonly #worker = new Worker(threadEntry('workers', import.meta.url));

  play(part: Part): Promise<Played> {
    const { promise, resolve, reject } = Promise.withResolvers<Played>();
    this.#worker.once('message', resolve).once('error', reject);
    this.#worker.postMessage(part);
    return promise.finally(() => this.#worker.off('error', reject));
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function partsOf(simulation: SimulationName, firstSeed: number, schedules: number): Part[] {
  return Array.from({ length: Math.ceil(schedules / PART_SCHEDULES) }, (_, index) => {
    const played = index * PART_SCHEDULES;
    return { simulation, firstSeed: firstSeed + played, schedules: Math.min(PART_SCHEDULES, schedules - played) };
  });
}

function lower(left: Violation | undefined, right: Violation | undefined): Violation | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left.seed < right.seed ? left : right;
}

// In the thread of a worker.
parentPort?.on('message', async ({ simulation, firstSeed, schedules }: Part) => {
  parentPort?.postMessage(await playUntilViolation(simulation, firstSeed, schedules));
});
