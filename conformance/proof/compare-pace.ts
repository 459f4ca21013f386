import { createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { ackLatencies } from './ack-latency.ts';
import { median, quantile } from './quantile.ts';
import type { StillHub } from './still-hub.ts';

/** As on an ordinary day; a hub is far from what it can do. */
const WINDOW = { eventsPerSecond: 500, seconds: 1 };
/** Until code is compiled. */
const WARM_UP = { eventsPerSecond: 500, seconds: 5 };

/** p99 of both hubs in one pair of windows, in ms. */
interface PacePair {
  readonly plainMs: number;
  readonly burdenedMs: number;
}

/** How much slower one hub acknowledges than another. */
export class Pace {
  readonly #pairs: readonly PacePair[];

  constructor(pairs: readonly PacePair[]) {
    this.#pairs = pairs;
  }

  /** The p99 of the burdened hub through that of the plain one: the median over the pairs. */
  get ratio(): number {
    return median(this.#ratios);
  }

  /**
   * What the true median lies above with a probability of 97.5 %, by the sign test: up to 1 the difference may be what
   * else the machine did.
   */
  get atLeast(): number {
    return this.#ratioAtRank(-1);
  }

  /** True when the hub is slower, beyond chance, and by more than so much: 1.1 is a tenth. */
  isSlowerBy(ratioMax: number): boolean {
    return this.atLeast > 1 && this.ratio > ratioMax;
  }

  toString(): string {
    const plainMs = median(this.#pairs.map((pair) => pair.plainMs));
    const burdenedMs = median(this.#pairs.map((pair) => pair.burdenedMs));
    return (
      `${burdenedMs.toFixed(1)} ms, ${plainMs.toFixed(1)} ms without, ratio ${this.ratio.toFixed(2)}, 95 % of ` +
      `${this.atLeast.toFixed(2)} to ${this.#ratioAtRank(1).toFixed(2)} (${WINDOW.eventsPerSecond} events/s, medians of ` +
      `${this.#pairs.length} pairs of windows)`
    );
  }

  get #ratios(): readonly number[] {
    return this.#pairs.map(({ plainMs, burdenedMs }) => burdenedMs / plainMs);
  }

  /** One end of the median's interval of confidence: 1.96 standard deviations of the rank that it would have. */
  #ratioAtRank(side: -1 | 1): number {
    const share = 0.5 + (side * 1.96) / (2 * Math.sqrt(this.#pairs.length));
    return quantile(this.#ratios, Math.min(1, Math.max(0, share)));
  }
}

/**
 * Measures both hubs in turns, a short window each, so that whatever else the machine does meets both. A single window
 * says little on a busy machine; the median over many pairs does.
 */
export async function comparePace(plain: StillHub, burdened: StillHub, pairs: number): Promise<Pace> {
  const plainClient = createSyncClient(grpcJs.create(plain.hub.address));
  const burdenedClient = createSyncClient(grpcJs.create(burdened.hub.address));
  const p99Ms = async (client: SyncClient) => quantile(await ackLatencies(client, WINDOW), 0.99);
  try {
    for (const client of [plainClient, burdenedClient]) await ackLatencies(client, WARM_UP);
    const measured: PacePair[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      // Each goes first as often as the other.
      if (pair % 2 === 0) measured.push({ plainMs: await p99Ms(plainClient), burdenedMs: await p99Ms(burdenedClient) });
      else {
        const burdenedMs = await p99Ms(burdenedClient);
        measured.push({ plainMs: await p99Ms(plainClient), burdenedMs });
      }
    }
    return new Pace(measured);
  } finally {
    plainClient.close();
    burdenedClient.close();
  }
}
