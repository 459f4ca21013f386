import { type Sandbox, SYSTEM_NAMES, type SystemName, startSandbox } from '@hms-sync/sandbox';
import { TcpProxy } from '@hms-sync/testing/tcp-proxy';
import type { Hub } from '../hub.ts';
import { HubFolder } from '../hub-folder.ts';
import { QUICK_RETRY, whenAdaptersStarted } from '../stack.ts';

/**
 * A hub with a network before it and one behind it, each of which can be disturbed, and the stand-ins. Its adapters report
 * the stand-ins whether a call is made again, so that their calls are a ledger of it.
 */
export interface DisturbedStack {
  readonly sandbox: Sandbox;
  readonly hub: Hub;
  /** What publishers reach the hub by, the same over restarts. */
  readonly front: TcpProxy;
  /** What each adapter reaches its system by. */
  readonly back: Readonly<Record<SystemName, TcpProxy>>;
  /** Ends the hub at once and starts another on its data. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** @param laneOf settings of an adapter, which take precedence over quick retries and attempts that are not cut off */
export async function startDisturbedStack(
  laneOf: (system: SystemName) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<DisturbedStack> {
  const sandbox = await startSandbox();
  const back = Object.fromEntries(
    await Promise.all(SYSTEM_NAMES.map(async (name) => [name, await TcpProxy.start(sandbox.urls[name])])),
  ) as Record<SystemName, TcpProxy>;
  const adapters = SYSTEM_NAMES.map((id) => ({
    package: 'adapter-ledger',
    id,
    config: { baseUrl: back[id].url },
    delivery: { concurrency: 16, timeoutMs: 60_000 },
    retry: QUICK_RETRY,
    breaker: { resetTimeoutMs: 50 },
    ...laneOf(id),
  }));
  // It leads nowhere yet: the hub must know the name by which it is reached.
  const front = await TcpProxy.start('http://127.0.0.1:1');
  const folder = await HubFolder.create({ config: { publicUrls: [front.url], adapters } });
  await folder.install('adapter-ledger');
  let hub = await folder.start();
  front.leadTo(hub.address);
  await whenAdaptersStarted(hub);
  return {
    sandbox,
    front,
    back,
    get hub() {
      return hub;
    },
    crash: async () => {
      await hub.kill();
      hub = await folder.start();
      front.leadTo(hub.address);
      await whenAdaptersStarted(hub);
    },
    close: async () => {
      await folder.remove();
      await Promise.all([front, ...Object.values(back), sandbox].map((part) => part.close()));
    },
  };
}
