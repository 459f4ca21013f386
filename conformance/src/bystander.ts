import { expect } from 'vitest';
import { median } from '../proof/quantile.ts';
import type { Hub } from './hub.ts';
import { forgetPeak, peakResidentBytes, residentBytes, usedCpuMs } from './process-usage.ts';
import { createSyncClient, type SyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

/** How long one publish after the other took, each accepted and delivered everywhere. */
export interface Latencies {
  readonly count: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** The most that the hub worked from the beginning of one publish to its end, in ms of CPU time. */
  readonly worstHubCpuMs: number;
}

/** What something that was done to a hub cost it, and a publisher beside it. */
export interface Toll {
  readonly beforeBytes: number;
  /** The most resident memory of the hub meanwhile. */
  readonly peakBytes: number;
  readonly alone: Latencies;
  readonly beside: Latencies;
}

/**
 * What a publish may cost the hub at most while it is attacked, itself and all that comes before it: CPU time, as a busy
 * machine makes everything slower and no attack worse. An idle machine answers after about as long.
 */
export const WORST_HUB_CPU_MS = 5_000;

/** The first calls wait for the connection's opening and the hub's compiler. */
const WARM_UP_PUBLISHES = 40;
const ALONE_PUBLISHES = 60;
const BESIDE_PUBLISHES = 20;

const MIB = 1_024 * 1_024;

/** A normal publisher: it publishes throughout an attack on the hub, and measures its latency. */
export class Bystander {
  readonly #hub: Hub;
  readonly #client: SyncClient;
  readonly #alone: Latencies;

  private constructor(hub: Hub, client: SyncClient, alone: Latencies) {
    this.#hub = hub;
    this.#client = client;
    this.#alone = alone;
  }

  /** Measures first how long its publishes take while it is alone. */
  static async open(hub: Hub): Promise<Bystander> {
    const client = createSyncClient(grpcJs.create(hub.address));
    await publishUntil(hub, client, (count) => count >= WARM_UP_PUBLISHES);
    return new Bystander(hub, client, await publishUntil(hub, client, (count) => count >= ALONE_PUBLISHES));
  }

  /** Publishes from the beginning of the deed to its end, and at least a few times. Every publish must go well. */
  async beside(deed: () => Promise<void>): Promise<Toll> {
    const { pid } = this.#hub;
    await forgetPeak(pid);
    const beforeBytes = await residentBytes(pid);
    let isDone = false;
    const doing = deed().finally(() => {
      isDone = true;
    });
    const publishing = publishUntil(this.#hub, this.#client, (count) => isDone && count >= BESIDE_PUBLISHES);
    await Promise.all([doing, publishing]);
    return { beforeBytes, peakBytes: await peakResidentBytes(pid), alone: this.#alone, beside: await publishing };
  }

  close(): void {
    this.#client.close();
  }
}

/** The toll as a line for people. */
export function tellToll({ beforeBytes, peakBytes, alone, beside }: Toll): string {
  const memory = `RSS ${Math.round(beforeBytes / MIB)} MiB, at most ${Math.round(peakBytes / MIB)} MiB`;
  const ratio = (beside.medianMs / alone.medianMs).toFixed(1);
  const median = `median ${alone.medianMs.toFixed(1)} ms alone, ${beside.medianMs.toFixed(1)} ms beside (x${ratio})`;
  return `${memory}; ${beside.count} published, ${median}, worst ${beside.worstMs.toFixed(0)} ms, ${beside.worstHubCpuMs} ms of the hub's CPU time`;
}

async function publishUntil(
  { pid }: Hub,
  client: SyncClient,
  isEnough: (count: number) => boolean,
): Promise<Latencies> {
  const tookMs: number[] = [];
  const hubCpuMs: number[] = [];
  while (!isEnough(tookMs.length)) {
    const startedAtMs = performance.now();
    const usedBeforeMs = await usedCpuMs(pid);
    const { settled } = await client.publishAndWait({ type: 'ProcessUpdated' });
    expect(settled).toBe(true);
    tookMs.push(performance.now() - startedAtMs);
    hubCpuMs.push((await usedCpuMs(pid)) - usedBeforeMs);
  }
  return {
    count: tookMs.length,
    medianMs: median(tookMs),
    worstMs: Math.max(...tookMs),
    worstHubCpuMs: Math.max(...hubCpuMs),
  };
}
