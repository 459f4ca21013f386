import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { type Sandbox, SYSTEM_NAMES, type SystemName, startSandbox } from '@hms-sync/sandbox';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { createSyncClient, first } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

export interface StackOptions {
  /** Settings of every adapter: `retry`, `breaker`, `delivery`. */
  readonly lane?: Readonly<Record<string, unknown>>;
  /** Settings of the hub beside its adapters. */
  readonly hub?: Readonly<Record<string, unknown>>;
  /** The systems that have an adapter. Absent: all three. */
  readonly systems?: readonly SystemName[];
  /** Goes before the environment that holds each adapter's token. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many files and connections the hub may have open. */
  readonly openFilesMax?: number;
}

/** What the stand-ins ask for. It must never be seen in a log or an answer of the hub. */
export const TOKEN = 'zz-marker-token-7f3a';

/** The environment that holds each adapter's token. */
export const tokenVariables = Object.fromEntries(SYSTEM_NAMES.map((name) => [tokenVariable(name), TOKEN]));

export function tokenVariable(system: SystemName): string {
  return `${system.toUpperCase()}_TOKEN`;
}

/** A hub in a folder of its own with the real adapters, and the stand-ins that they speak to. */
export interface Stack {
  readonly sandbox: Sandbox;
  readonly folder: HubFolder;
  readonly hub: Hub;
  /** Starts a hub on the same data with the right tokens, after the one before ended. */
  restart(): Promise<Hub>;
  close(): Promise<void>;
}

/** Small enough that a test sees several attempts within a second. */
export const QUICK_RETRY = { baseMs: 20, capMs: 100, maxAttempts: 1_000 };

export async function startStack({
  lane = {},
  hub: settings = {},
  systems = SYSTEM_NAMES,
  env = {},
  ...limits
}: StackOptions = {}): Promise<Stack> {
  const sandbox = await startSandbox({ tokens: Object.fromEntries(SYSTEM_NAMES.map((name) => [name, TOKEN])) });
  const adapters = systems.map((system) => adapterEntry(system, sandbox, lane));
  const folder = await HubFolder.create({ config: { ...settings, adapters }, env: tokenVariables });
  const close = async () => {
    await folder.remove();
    await sandbox.close();
  };
  try {
    let hub = await folder.start(env, limits);
    await whenAdaptersStarted(hub);
    return {
      sandbox,
      folder,
      get hub() {
        return hub;
      },
      restart: async () => {
        hub = await folder.start();
        await whenAdaptersStarted(hub);
        return hub;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Adapters start behind the open port; until then every delivery is reported as HELD, which few tests are about. */
export async function whenAdaptersStarted({ address }: Hub): Promise<void> {
  const client = createSyncClient(grpcJs.create(address));
  await first(client.watchHealth(), ({ adapters }) => adapters.every(({ state }) => state !== AdapterState.STARTING));
  client.close();
}

/** A configuration's entry for one of the three adapters. */
export function adapterEntry(system: SystemName, { urls }: Pick<Sandbox, 'urls'>, lane: object = {}) {
  const token = `\${${tokenVariable(system)}}`;
  return { package: `@hms-sync/adapter-${system}`, config: { baseUrl: urls[system], token }, ...lane };
}
