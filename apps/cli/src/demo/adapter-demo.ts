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

/** How an adapter is tried by whoever works on it. */
export interface AdapterDemoOptions {
  /** The folder of its package. */
  folder: string;
  chaos: Chaos;
  /** The pause between two sample events. */
  everyMs: number;
  /** The hub's TCP port; 0: any free one. */
  port: number;
  dataDir: string;
  /** True: end when each sample has been delivered once. False: stay up until the signal. */
  once: boolean;
  /** True: stdout gets nothing but JSON objects, one a line. */
  asJson: boolean;
  /** File URL of the hub's program. */
  hubMain: string;
  terminal: Terminal;
  /** Ends it in order: the hub drains, then the stand-in goes. */
  signal: AbortSignal;
  /** How long the samples may take with `once`. Default: 30 s. */
  settleLimitMs?: number;
}

/** In place of every `{{secret}}`; the hub reads it from its environment, so that no file holds it. */
const SECRET_VARIABLE = 'HMS_SYNC_DEV_SECRET';

/** Under it the package says where its sources are, so that nothing has to be built first. */
const CONDITION = '@hms-sync/dev';

/** A hub that breaks the connection because it crashes is found dead within this time. */
const DEATH_NOTICE_MS = 1_000;

/**
 * Runs a hub with one adapter, a stand-in for its system and sample events, and begins again when a source changes.
 *
 * @throws Failure when the package cannot be read, the hub does not start or ends by itself, or, with `once`, when a
 * sample is not delivered
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
        people.line(people.paint('strong', `${printable(end.changed)} has changed: running it again.`));
        port = end.port;
      } finally {
        sources.close();
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What the runs of one demo share, and what ends this one. */
interface RunParts {
  feed: SampleFeed;
  people: Printer;
  stopped: Promise<never>;
  changed: Promise<string>;
}

/** How a run ended. */
interface RunEnd {
  /** The file for which it begins again; undefined: it is done. */
  changed: string | undefined;
  /** The hub's, which stays the same from run to run. */
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

/** What the hub of a run is started for. */
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
    // Letters and digits that are base64 too, as signing secrets have to be.
    env: { ...process.env, [SECRET_VARIABLE]: randomBytes(16).toString('hex') },
    onErrorLine: (line) => {
      const readable = readableLogLine(line);
      if (readable !== undefined) terminal.notes.line(terminal.notes.paint('quiet', `hub ${readable}`));
    },
  });
}

/** Who shows what. */
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
    // A hub that crashed is the better explanation of a call that failed.
    await Promise.race([hub.failure(), sleep(DEATH_NOTICE_MS, undefined, { ref: false })]);
    throw apiFailure(error, address, ADVICE_TO_PUBLISHERS);
  } finally {
    client.close();
  }
}

function writeLine(printer: Printer, { method, path, status, chaos }: AnsweredWrite): string {
  return printer.paint(
    'quiet',
    `  the system was asked ${method} ${printable(path)}: ${status}${chaos ? ', by chaos' : ''}`,
  );
}

function introduction(
  printer: Printer,
  { adapter, standIn, address, chaos }: HubParts & { address: string; chaos: Chaos },
): readonly string[] {
  const { latencyMs, failShare } = chaos;
  const faults = [
    ...(latencyMs > 0 ? [`answers after ${formatMs(latencyMs)}`] : []),
    ...(failShare > 0 ? [`fails ${Number((failShare * 100).toFixed(2))}% of the time`] : []),
  ];
  const manner = faults.length === 0 ? '' : `, which ${faults.join(' and ')}`;
  return [
    `${printer.paint('strong', `${printable(adapter.id)} ${printable(adapter.version)}`)} from ${adapter.folder}`,
    `hub      ${address}`,
    `system   ${standIn.url}, a stand-in${manner}`,
    '',
  ];
}
