import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as elapse } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { tokensBySocket } from '../src/access/tokens.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { usedCpuMs } from '../src/process-usage.ts';
import { PostingCaller } from './posting-caller.ts';
import { median, quantile } from './quantile.ts';

/**
 * `npm run limits`: what a caller over its limit costs another. One publishes 500 events a second, alone and beside one
 * that publishes as fast as it is answered, and may publish 200. Windows of both kinds take turns, and a ratio is that of two
 * neighbours. `-- --pairs <n>` says how many, `-- --seconds <n>` how long each is, `-- --in-flight <n>` how many events the
 * caller over its limit has unanswered at a time.
 */

const EVENTS_PER_SECOND = 500;
const LIMIT = 200;
/** Of the steady caller, so that each is below the limit. */
const STEADY_PRINCIPALS = 3;
const RATIO_MAX = 1.1;
const TICK_MS = 10;
const WARM_UP_SECONDS = 5;
/** From the begin of the one over its limit, and from its end, to a window. */
const BETWEEN_MS = 300;

interface MeasuredWindow {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of one core, by all threads of the hub. */
  readonly hubCpu: number;
}

/** The other caller, in a process of its own. */
class PushingCaller {
  readonly answers = { seconds: 0, accepted: 0, refused: 0 };
  readonly #child: ChildProcess;
  #beganAtMs = 0;

  constructor(address: string, token: string, inFlight: string) {
    const program = fileURLToPath(new URL('pushing-caller.ts', import.meta.url));
    this.#child = fork(program, [address, token, inFlight], { execArgv: process.execArgv });
  }

  begin(): void {
    this.#beganAtMs = performance.now();
    this.#child.send('begin');
  }

  async end(): Promise<void> {
    this.#child.send('end');
    const [{ accepted, refused }] = await once(this.#child, 'message');
    this.answers.seconds += (performance.now() - this.#beganAtMs) / 1_000;
    this.answers.accepted += accepted;
    this.answers.refused += refused;
  }

  close(): void {
    this.#child.disconnect();
  }
}

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '3' },
    'in-flight': { type: 'string', default: '4' },
  },
});
const [pairs, seconds] = [Number(values.pairs), Number(values.seconds)];
const alone: MeasuredWindow[] = [];
const beside: MeasuredWindow[] = [];

const folder = await HubFolder.create({
  config: { auth: {}, logLevel: 'error', limits: { perCaller: { eventsPerSecond: LIMIT } } },
});
try {
  const hub = await folder.start();
  const tokens = tokensBySocket(folder.path);
  const [pushingToken = '', ...steadyTokens] = await Promise.all(
    Array.from({ length: 1 + STEADY_PRINCIPALS }, (_, index) =>
      tokens.create({ name: `caller-${index}`, role: Role.PUBLISHER }),
    ),
  );
  tokens.close();
  const steady = await PostingCaller.connect(hub.address, steadyTokens, 'steady');
  const pushing = new PushingCaller(hub.address, pushingToken, values['in-flight']);
  await measure(steady, hub.pid, WARM_UP_SECONDS);
  for (let pair = 0; pair < pairs; pair += 1) {
    // Each goes first as often as the other.
    for (const isBeside of [pair % 2 === 1, pair % 2 === 0]) {
      if (isBeside) pushing.begin();
      await elapse(BETWEEN_MS);
      (isBeside ? beside : alone).push(await measure(steady, hub.pid, seconds));
      if (isBeside) await pushing.end();
    }
  }
  steady.close();
  pushing.close();
  report(pushing);
} finally {
  await folder.remove();
}

/** Publishes at the steady rate for so long. */
async function measure(caller: PostingCaller, hubPid: number, forSeconds: number): Promise<MeasuredWindow> {
  const usedBeforeMs = await usedCpuMs(hubPid);
  const answers: Promise<number>[] = [];
  const total = EVENTS_PER_SECOND * forSeconds;
  const startedAtMs = performance.now();
  while (answers.length < total) {
    await elapse(TICK_MS);
    const due = Math.min(total, Math.floor(((performance.now() - startedAtMs) / 1_000) * EVENTS_PER_SECOND));
    while (answers.length < due) answers.push(latencyOf(caller));
  }
  const latenciesMs = await Promise.all(answers);
  const tookMs = performance.now() - startedAtMs;
  const hubCpu = ((await usedCpuMs(hubPid)) - usedBeforeMs) / tookMs;
  return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99), hubCpu };
}

async function latencyOf(caller: PostingCaller): Promise<number> {
  const { status, tookMs } = await caller.post();
  if (status !== 200) throw new Error(`an event of the steady caller was answered with ${status}`);
  return tookMs;
}

function report({ answers }: PushingCaller): void {
  const perSecond = (count: number) => `${Math.round(count / answers.seconds)}/s`;
  const ofAll = (windows: readonly MeasuredWindow[], name: keyof MeasuredWindow) =>
    median(windows.map((window) => window[name]));
  for (const [name, windows] of Object.entries({ alone, beside })) {
    const [p50Ms, p99Ms] = [ofAll(windows, 'p50Ms').toFixed(2), ofAll(windows, 'p99Ms').toFixed(2)];
    const cpu = (ofAll(windows, 'hubCpu') * 100).toFixed(0);
    console.log(`${name.padEnd(6)}: p50 ${p50Ms} ms, p99 ${p99Ms} ms, hub ${cpu} % of a core`);
  }
  const { accepted, refused } = answers;
  console.log(
    `the other caller: ${perSecond(accepted)} accepted, ${perSecond(refused)} refused (its limit: ${LIMIT}/s)`,
  );
  const ratios = beside.map(({ p99Ms }, pair) => p99Ms / (alone[pair]?.p99Ms ?? Number.NaN));
  const quartiles = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2)).join(' to ');
  const ratio = median(ratios);
  console.log(
    `p99 beside it, of that alone: ${ratio.toFixed(2)}, half of ${pairs} pairs of ${seconds} s within ${quartiles}`,
  );
  if (ratio <= RATIO_MAX) return;
  console.error(`short of its promise: the p99 is over ${RATIO_MAX} times as long`);
  process.exitCode = 1;
}
