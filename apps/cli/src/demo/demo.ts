import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { hubText } from '../advice.ts';
import { ADVICE_TO_PUBLISHERS, apiFailure } from '../api-failure.ts';
import { Failure } from '../failure.ts';
import { enumName } from '../format.ts';
import { socketAddress } from '../hub-address.ts';
import { connectToHub } from '../hub-client.ts';
import { printable, type Terminal } from '../terminal.ts';
import { adaptersReady } from './adapters-ready.ts';
import type { Child } from './child.ts';
import { demoAdapters, demoCredentials } from './demo-adapters.ts';
import { writeHubConfig } from './hub-config.ts';
import { hubReady, launchHub } from './hub-process.ts';
import { readableLogLine } from './log-line.ts';
import { sampleEvent } from './sample-event.ts';
import { SampleRun } from './sample-run.ts';
import { launchSandbox, type SandboxAddresses, sandboxReady } from './sandbox-process.ts';
import { rejectedOn } from './stopped.ts';
import { tourLines } from './tour.ts';

/** Options of the demo. */
export interface DemoOptions {
  /** The hub's TCP port; 0: any free one. */
  port: number;
  /** The hub's data folder; a later demo in the same folder keeps its events. */
  dataDir: string;
  /** True: end when the sample is settled. False: run until the signal. */
  once: boolean;
  /** True: stdout gets only JSON objects, one per line. */
  asJson: boolean;
  /** File URLs of the programs. */
  hubMain: string;
  sandboxMain: string;
  terminal: Terminal;
  /** Stops the hub, then the sandbox. */
  signal: AbortSignal;
  /** How long the sample may take with `once`. Default: 30 s. */
  settleLimitMs?: number;
  /** After this time the tour is printed even if an ack is missing. Default: 5 s. */
  tourDelayMs?: number;
}

/** How long a crashed hub may take to exit after its connections broke. */
const DEATH_NOTICE_MS = 1_000;

/**
 * Runs the sandbox and a hub, publishes the sample event and shows its acks.
 *
 * @throws Failure when a program does not start (with its exit code) or exits, or, with `once`, when the sample is not
 * delivered everywhere
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { terminal, signal } = options;
  const stopped = rejectedOn(signal);
  signal.addEventListener('abort', () => terminal.notes.line('Stopping. Press Ctrl-C again to end at once.'), {
    once: true,
  });
  const credentials = demoCredentials();
  const onErrorLine = (source: string) => (line: string) => {
    const readable = readableLogLine(line);
    if (readable !== undefined) terminal.notes.line(terminal.notes.paint('quiet', `${source} ${readable}`));
  };
  try {
    const sandbox = launchSandbox({
      main: options.sandboxMain,
      env: credentials.sandbox,
      onErrorLine: onErrorLine('sandbox'),
    });
    try {
      const addresses = await Promise.race([sandboxReady(sandbox), stopped]);
      const configFile = await writeHubConfig({ ...options, adapters: demoAdapters(addresses.systems) });
      const hub = launchHub({
        main: options.hubMain,
        configFile,
        port: options.port,
        dataDir: options.dataDir,
        env: credentials.hub,
        onErrorLine: onErrorLine('hub'),
      });
      try {
        const hubAddress = await Promise.race([hubReady(hub), stopped]);
        const shown = show(options, { hubAddress, addresses, hub });
        await Promise.race([shown, stopped, hub.failure(), sandbox.failure()]);
      } finally {
        await hub.stop();
      }
    } finally {
      await sandbox.stop();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What is running. */
interface Running {
  hub: Child;
  hubAddress: string;
  addresses: SandboxAddresses;
}

/** Publishes the sample and shows its outcomes; without `once`, those of all other events too. */
async function show(options: DemoOptions, { hub, hubAddress, addresses }: Running): Promise<void> {
  const { once, asJson, terminal, signal } = options;
  const client = connectToHub(socketAddress(options.dataDir) ?? hubAddress);
  const left = new AbortController();
  try {
    for (const { id, state, reason } of await adaptersReady(client, signal)) {
      const why = reason === '' ? '' : `: ${hubText(reason, hubAddress)}`;
      terminal.notes.line(`${printable(id)} is ${enumName(AdapterState, state)}${why}`);
    }
    const sample = new SampleRun({
      event: sampleEvent(),
      client,
      printer: terminal.data,
      asJson,
      // Without it, the feed would try to resume, and keep the process alive.
      signal: AbortSignal.any([signal, left.signal]),
    });
    if (once) {
      await sample.settledWithin(options.settleLimitMs ?? 30_000);
      sample.requireDelivered();
      return;
    }
    await sample.settledWithin(options.tourDelayMs ?? 5_000);
    const people = asJson ? terminal.notes : terminal.data;
    for (const line of tourLines(people, {
      hubAddress,
      operatorAddress: client.address,
      addresses,
      dataDir: options.dataDir,
    }))
      people.line(line);
    await Promise.all([sample.settled, sample.printOthers()]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    // If the hub crashed, report that instead of the failed call.
    await Promise.race([hub.failure(), sleep(DEATH_NOTICE_MS, undefined, { ref: false, signal })]);
    throw apiFailure(error, hubAddress, ADVICE_TO_PUBLISHERS);
  } finally {
    left.abort();
    client.close();
  }
}
