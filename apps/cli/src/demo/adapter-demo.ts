import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnsweredWrite, DEFAULT_EVENTS, filled, type StandIn, startStandIn } from '@hms-sync/adapter-sdk/stand-in';
import { ADVICE_TO_PUBLISHERS, apiFailure } from '../api-failure.ts';
import { Failure } from '../failure.ts';
import { formatMs } from '../format.ts';
import { socketAddress } from '../hub-address.ts';
import { connectToHub } from '../hub-client.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';
import { showAdapter } from './adapter-feed.ts';
import { adaptersReady } from './adapters-ready.ts';
import type { Chaos } from './chaos.ts';
import type { Child } from './child.ts';
import { type DevAdapter, readDevAdapter } from './dev-adapter.ts';
import { linkPackage, writeHubConfig } from './hub-config.ts';
import { hubReady, launchHub } from './hub-process.ts';
import { readableLogLine } from './log-line.ts';
import { SampleFeed } from './sample-feed.ts';
import { SampleRun } from './sample-run.ts';
import { watchSources } from './source-watch.ts';
import { rejectedOn } from './stopped.ts';

/** Options of the demo of one adapter. */
export interface AdapterDemoOptions {
  /** The folder of the adapter's package. */
  folder: string;
  chaos: Chaos;
  /** The pause between two sample events. */
  everyMs: number;
  /** The hub's TCP port; 0: any free one. */
  port: number;
  dataDir: string;
  /** True: end when each sample is delivered once. False: run until the signal. */
  once: boolean;
  /** True: stdout gets only JSON objects, one per line. */
  asJson: boolean;
  /** The file URL of the hub's program. */
  hubMain: string;
  terminal: Terminal;
  /** Stops the hub, then the stand-in. */
  signal: AbortSignal;
  /** How long the samples may take with `once`. Default: 30 s. */
  settleLimitMs?: number;
}

/** Replaces every `{{secret}}`; the hub reads it from its environment, so that no file contains it. */
const SECRET_VARIABLE = 'HMS_SYNC_DEV_SECRET';

/** The export condition of the package's source, so that it need not be built. */
const CONDITION = '@hms-sync/dev';

/** How long a crashed hub may take to exit after its connections broke. */
const DEATH_NOTICE_MS = 1_000;

/**
 * Runs a hub with one adapter, a stand-in for its system and sample events, and restarts when a source file changes.
 *
 * @throws Failure when the package cannot be read, the hub does not start or exits, or, with `once`, when a sample is not
 * delivered
 */
export async function runAdapterDemo(options: AdapterDemoOptions): Promise<void> {
  const { folder, terminal, signal, asJson, everyMs } = options;
  const stopped = rejectedOn(signal);
  signal.addEventListener('abort', () => terminal.notes.line('Stopping. Press Ctrl-C again to end at once.'), {
    once: true,
  });
  const feed = new SampleFeed(terminal.data, { asJson, everyMs });
  const people = asJson ? terminal.notes : terminal.data;
  // An error of the package is reported before anything is started.
  await readDevAdapter(folder);
  let { port } = options;
  try {
    for (;;) {
      // Before its files are read, so that no change is missed.
      const sources = await watchSources(folder);
      try {
        const end = await runOnce({ ...options, port }, { feed, people, stopped, changed: sources.changed });
        if (end.changed === undefined) return;
        people.line(people.paint('strong', `${printable(end.changed)} has changed: restarting.`));
        port = end.port;
      } finally {
        sources.close();
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What the runs of one demo share, and the change that ends this run. */
interface RunParts {
  feed: SampleFeed;
  people: Printer;
  stopped: Promise<never>;
  changed: Promise<string>;
}

/** How a run ended. */
interface RunEnd {
  /** The changed file that restarts it; undefined: it is done. */
  changed: string | undefined;
  /** The port of the hub, which stays the same. */
  port: number;
}

async function runOnce(options: AdapterDemoOptions, { feed, people, stopped, changed }: RunParts): Promise<RunEnd> {
  const { chaos } = options;
  let adapter: DevAdapter;
  try {
    adapter = await readDevAdapter(options.folder);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    people.line(people.paint('bad', error.message));
    return { changed: await Promise.race([changed, stopped]), port: options.port };
  }
  const onWrite = (write: AnsweredWrite) => people.line(writeLine(people, write));
  const { answer, idempotency, reads } = adapter.kit;
  const standIn = await startStandIn({ answer, idempotency, reads, onWrite });
  standIn.behave({ kind: 'chaos', ...chaos });
  // It may run for days.
  standIn.forgetRequests();
  try {
    const hub = await startHub(options, { adapter, standIn });
    const over = new AbortController();
    try {
      const address = await Promise.race([hubReady(hub), stopped]);
      for (const line of introduction(people, { adapter, standIn, address, chaos })) people.line(line);
      const shown = show({ ...options, signal: over.signal }, { adapter, feed, people, address, hub });
      const end = await Promise.race([shown, changed, stopped, hub.failure()]);
      return { changed: end ?? undefined, port: Number(new URL(address).port) };
    } finally {
      over.abort();
      await hub.stop();
    }
  } finally {
    await standIn[Symbol.asyncDispose]();
  }
}

/** The adapter of a run, and its stand-in. */
interface HubParts {
  adapter: DevAdapter;
  standIn: StandIn;
}

async function startHub(options: AdapterDemoOptions, { adapter, standIn }: HubParts): Promise<Child> {
  const { port, dataDir, hubMain, terminal } = options;
  await linkPackage(dataDir, adapter);
  const config = filled(adapter.kit.config, { url: standIn.url, secret: `\${${SECRET_VARIABLE}}` });
  const configFile = await writeHubConfig({ port, dataDir, adapters: [{ package: adapter.packageName, config }] });
  return launchHub({
    main: hubMain,
    configFile,
    port,
    dataDir,
    conditions: [CONDITION],
    // Hexadecimal digits are valid base64, which signing secrets require.
    env: { ...process.env, [SECRET_VARIABLE]: randomBytes(16).toString('hex') },
    onErrorLine: (line) => {
      const readable = readableLogLine(line);
      if (readable !== undefined) terminal.notes.line(terminal.notes.paint('quiet', `hub ${readable}`));
    },
  });
}

/** What is running. */
interface ShowParts {
  adapter: DevAdapter;
  feed: SampleFeed;
  people: Printer;
  address: string;
  hub: Child;
}

async function show(options: AdapterDemoOptions, { adapter, feed, people, address, hub }: ShowParts): Promise<void> {
  const { once, asJson, terminal, signal } = options;
  const samples = adapter.kit.events ?? DEFAULT_EVENTS;
  const client = connectToHub(socketAddress(options.dataDir) ?? address);
  try {
    if (!once) {
      const feeding = adaptersReady(client, signal).then(() => feed.run(client, samples, signal));
      await Promise.all([showAdapter(client, people, signal), feeding]);
      return;
    }
    await adaptersReady(client, signal);
    for (const _ of samples) {
      const event = feed.next(samples);
      const sample = new SampleRun({ client, printer: terminal.data, asJson, event, signal });
      await sample.settledWithin(options.settleLimitMs ?? 30_000);
      sample.requireDelivered();
    }
  } catch (error) {
    if (error instanceof Failure || signal.aborted) throw error;
    // If the hub crashed, report that instead of the failed call.
    await Promise.race([hub.failure(), sleep(DEATH_NOTICE_MS, undefined, { ref: false })]);
    throw apiFailure(error, address, ADVICE_TO_PUBLISHERS);
  } finally {
    client.close();
  }
}

function writeLine(printer: Printer, { method, path, status, chaos }: AnsweredWrite): string {
  return printer.paint(
    'quiet',
    `  stand-in: ${method} ${printable(path)} answered with ${status}${chaos ? ' (chaos)' : ''}`,
  );
}

function introduction(
  printer: Printer,
  { adapter, standIn, address, chaos }: HubParts & { address: string; chaos: Chaos },
): readonly string[] {
  const { latencyMs, failShare } = chaos;
  const faults = [
    ...(latencyMs > 0 ? [`responds after ${formatMs(latencyMs)}`] : []),
    ...(failShare > 0 ? [`fails ${Number((failShare * 100).toFixed(2))}% of writes`] : []),
  ];
  const manner = faults.length === 0 ? '' : `, which ${faults.join(' and ')}`;
  return [
    `${printer.paint('strong', `${printable(adapter.id)} ${printable(adapter.version)}`)} from ${adapter.folder}`,
    `hub      ${address}`,
    `system   ${standIn.url}, a stand-in${manner}`,
    '',
  ];
}
