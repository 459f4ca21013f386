import type { Chaos } from '@hms-sync/adapter-sdk/stand-in';
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../duration.ts';

export type { Chaos } from '@hms-sync/adapter-sdk/stand-in';

export const NO_CHAOS: Chaos = { latencyMs: 0, failShare: 0 };

/** The longest timeout that an adapter may have. */
const PAUSE_MAX_MS = 600_000;

/** The faults in `latency=2s,fail=30%`. @throws InvalidArgumentError */
export function parseChaos(text: string): Chaos {
  let chaos = NO_CHAOS;
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split(/=(.*)/s).map((word) => word.trim());
    if (name === 'latency') chaos = { ...chaos, latencyMs: parsePause(value) };
    else if (name === 'fail') chaos = { ...chaos, failShare: parseShare(value) };
    else throw new InvalidArgumentError(`Unknown fault "${name}". Write latency=2s, fail=30%, or latency=2s,fail=30%.`);
  }
  return chaos;
}

/** A duration up to ten minutes, in milliseconds. @throws InvalidArgumentError */
export function parsePause(text: string): number {
  const pauseMs = parseDuration(text);
  if (pauseMs !== undefined && pauseMs <= PAUSE_MAX_MS) return pauseMs;
  throw new InvalidArgumentError(`"${text}" is not a duration up to 10m. Write it as 200ms, 2s or 1m.`);
}

function parseShare(text: string): number {
  const share = /^\d+(?:\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number.NaN;
  if (share <= 1) return share;
  throw new InvalidArgumentError(`"${text}" is not a percentage from 0% to 100%. Write it as 30%.`);
}
