import { setTimeout as elapse } from 'node:timers/promises';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Hub } from '../src/hub.ts';
import { forgetPeak, peakResidentBytes, residentBytes } from '../src/process-usage.ts';
import type { BadAdapter } from './bad-adapters.ts';
import { BAD_LANE, GOOD_LANES, HostileStack, SECRET } from './hostile-stack.ts';
import { OperatorView } from './operator-view.ts';
import { OrderBook } from './order-book.ts';
import { median, quantile } from './quantile.ts';
import { type Latency, SteadyPublisher } from './steady-publisher.ts';
import { judge } from './verdict.ts';

/** What a trial measures with. */
export interface TrialSpan {
  /** Until code is compiled. */
  readonly warmUpMs: number;
  /** Without harm, before it and after it, each. */
  readonly calmMs: number;
  /** What is published to the good lanes. */
  readonly eventsPerSecond: number;
}

/** What one bad adapter did, and to whom. */
export interface TrialResult {
  /** What showed the harm to the operator; empty when nothing did. */
  readonly seen: string;
  /** Harm events that ended as dead letters. */
  readonly deadLetters: number;
  /** p99 of the good lanes without harm, in ms: the median of short windows. */
  readonly calmP99Ms: number;
  /** The same while there was harm. */
  readonly harmP99Ms: number;
  /** By how much the hub's memory rose at the most, in bytes. */
  readonly memoryRiseBytes: number;
  /** From the harm, or from the start after the fix, until it accepted deliveries as before. */
  readonly recoveredMs: number;
  /** What is not as promised, but for latencies and memory; empty when all is. */
  readonly breaches: readonly string[];
}

const HARMS = 1;
/** Short, so that what else the machine does meets few of them. */
const WINDOW_MS = 500;
/** The longest harm here takes 31 s: an attempt that does not stop has 30 s of grace. */
const SEEN_WITHIN_MS = 180_000;
const RECOVERED_WITHIN_MS = 180_000;
/** So that harm that is over at once has windows of its own. */
const HARM_MIN_MS = 1_500;
/** More than a trial makes. */
const MAX_CALLS = 1_000_000;
/** What an adapter's error says; must appear nowhere either. */
const WITHHELD = 'Ada Byron';

/** Runs one bad adapter beside two good ones, in hubs of its own, until it is well again. */
export async function tryBadAdapter(bad: BadAdapter, span: TrialSpan): Promise<TrialResult> {
  const stack = await HostileStack.create(bad);
  try {
    const trial = new Trial(bad, span, stack);
    await (bad.when === 'start' ? trial.badFromStart() : trial.badOnEvent());
    return trial.result();
  } finally {
    await stack.close();
  }
}

/** A hub from its start to its end, with who publishes to it and who looks at it. */
interface Shift {
  readonly hub: Hub;
  readonly publisher: SteadyPublisher;
  readonly view: OperatorView;
}

/** Events that an adapter does harm with. */
interface Harm {
  readonly harmed: readonly string[];
  /** When they were published, or the fixed adapter was started. */
  readonly fromMs: number;
}

class Trial {
  readonly #bad: BadAdapter;
  readonly #span: TrialSpan;
  readonly #stack: HostileStack;
  readonly #book = new OrderBook();
  readonly #breaches: string[] = [];
  readonly #calmP99Ms: number[] = [];
  readonly #harmP99Ms: number[] = [];
  #shifts = 0;
  #seen = '';
  #deadLetters = 0;
  #memoryRiseBytes = 0;
  #recoveredMs = Number.NaN;

  constructor(bad: BadAdapter, span: TrialSpan, stack: HostileStack) {
    this.#bad = bad;
    this.#span = span;
    this.#stack = stack;
  }

  async badOnEvent(): Promise<void> {
    const shift = await this.#begin();
    await this.#calm(shift);
    await this.#harm(shift, async () => {
      const fromMs = performance.now();
      const harmed = shift.publisher.publishHarm(HARMS);
      await this.#see(shift);
      if (this.#bad.when === 'once') await this.#stack.fix();
      await this.#recover(shift, { harmed, fromMs });
    });
    await this.#calm(shift);
    await this.#end(shift);
  }

  async badFromStart(): Promise<void> {
    const before = await this.#begin();
    await this.#calm(before);
    await this.#end(before);
    await this.#stack.spoil();
    const during = await this.#begin();
    const harmed = during.publisher.publishHarm(HARMS);
    await this.#harm(during, () => this.#see(during));
    await this.#end(during);
    await this.#stack.fix();
    const fromMs = performance.now();
    const after = await this.#begin();
    await this.#recover(after, { harmed, fromMs });
    await this.#calm(after);
    await this.#end(after);
  }

  result(): TrialResult {
    const calls = this.#stack.sandbox.calls({ limit: MAX_CALLS });
    const { lost, overtaken, undeclaredDuplicates } = judge(this.#book, calls, GOOD_LANES);
    const wrongs = { lost, overtaken, 'repeated without the redelivered flag': undeclaredDuplicates };
    const reported = Object.entries(wrongs).flatMap(([wrong, [example, ...others]]) =>
      example === undefined ? [] : [`${others.length + 1} ${wrong}, such as ${example}`],
    );
    return {
      seen: this.#seen,
      deadLetters: this.#deadLetters,
      calmP99Ms: median(this.#calmP99Ms),
      harmP99Ms: median(this.#harmP99Ms),
      memoryRiseBytes: this.#memoryRiseBytes,
      recoveredMs: this.#recoveredMs,
      breaches: [...this.#breaches, ...reported],
    };
  }

  async #begin(): Promise<Shift> {
    const hub = await this.#stack.start();
    this.#shifts += 1;
    const prefix = `shift-${this.#shifts}`;
    const { address } = hub;
    const { eventsPerSecond } = this.#span;
    const publisher = new SteadyPublisher({ address, book: this.#book, lanes: GOOD_LANES, prefix, eventsPerSecond });
    const shift = { hub, publisher, view: new OperatorView(hub, BAD_LANE) };
    await elapse(this.#span.warmUpMs);
    return shift;
  }

  async #end({ hub, publisher, view }: Shift): Promise<void> {
    const { lines } = view;
    if (!hub.isRunning) this.#breaches.push('the hub has ended');
    const missing = await publisher.stop();
    if (missing > 0) this.#breaches.push(`${missing} deliveries of the good lanes were not acknowledged`);
    for (const refusal of new Set(publisher.refusals)) this.#breaches.push(`an event was refused: ${refusal}`);
    view.close();
    const { code, stderr } = await hub.stop();
    if (code !== 0) this.#breaches.push(`the hub ended with ${code}`);
    const reported = [stderr, ...lines, JSON.stringify(publisher.otherAcks, bigintAsText)].join('\n');
    for (const withheld of [SECRET, WITHHELD]) {
      if (reported.includes(withheld)) this.#breaches.push(`"${withheld}" was reported`);
    }
  }

  async #calm({ publisher }: Shift): Promise<void> {
    const fromMs = performance.now();
    await elapse(this.#span.calmMs);
    this.#calmP99Ms.push(...p99Of(publisher.latencies, { fromMs, toMs: performance.now() }));
  }

  async #harm({ hub, publisher }: Shift, deed: () => Promise<void>): Promise<void> {
    await forgetPeak(hub.pid);
    const beforeBytes = await residentBytes(hub.pid);
    const fromMs = performance.now();
    await Promise.all([deed(), elapse(HARM_MIN_MS)]);
    this.#harmP99Ms.push(...p99Of(publisher.latencies, { fromMs, toMs: performance.now() }));
    if (hub.isRunning) this.#memoryRiseBytes = (await peakResidentBytes(hub.pid)) - beforeBytes;
  }

  /** Waits until the operator sees what is wrong. */
  async #see({ view }: Shift): Promise<void> {
    const find = () => view.lines.find((line) => this.#bad.sees.test(line));
    await view.until(() => find() !== undefined, SEEN_WITHIN_MS);
    this.#seen = find() ?? '';
    if (this.#seen === '') this.#breaches.push(`its operator saw only: ${view.lines.join(' | ')}`);
  }

  /** Waits until it takes deliveries as before, and what did harm is settled. */
  async #recover({ view }: Shift, { harmed, fromMs }: Harm): Promise<void> {
    const isOver = async () =>
      view.isWell &&
      harmed.every((id) => this.#book.placeOf(id) !== undefined) &&
      (await view.ends(harmed)).length === harmed.length;
    if (!(await view.until(isOver, RECOVERED_WITHIN_MS))) this.#breaches.push('it did not recover');
    this.#recoveredMs = performance.now() - fromMs;
    const ends = await view.ends(harmed);
    this.#deadLetters = ends.filter(({ state }) => state === DeliveryState.DEAD_LETTERED).length;
    const expected = this.#bad.harm === 'dead letter' ? harmed.length : 0;
    if (this.#deadLetters !== expected) this.#breaches.push(`${this.#deadLetters} dead letters, not ${expected}`);
    const children = await this.#stack.livingChildren();
    if (children.length > 0) this.#breaches.push(`${children.length} children outlived its process`);
  }
}

/** The p99 of each whole window within a time, by when the events were handed in. */
function p99Of(latencies: readonly Latency[], { fromMs, toMs }: { fromMs: number; toMs: number }): readonly number[] {
  const windows = Math.floor((toMs - fromMs) / WINDOW_MS);
  return Array.from({ length: windows }, (_, index) => {
    const beginMs = fromMs + index * WINDOW_MS;
    const inWindow = latencies.filter(({ atMs }) => atMs >= beginMs && atMs < beginMs + WINDOW_MS);
    return quantile(
      inWindow.map(({ tookMs }) => tookMs),
      0.99,
    );
  }).filter((p99Ms) => !Number.isNaN(p99Ms));
}

function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
