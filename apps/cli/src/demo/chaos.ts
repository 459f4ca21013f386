import type { Chaos } from '@hms-sync/adapter-sdk/stand-in';

export type { Chaos } from '@hms-sync/adapter-sdk/stand-in';

export const noChaos: Chaos = { latencyMs: 0, failShare: 0 };

/** Longer than any deadline that an adapter may have; more would only be a hang. */
const LATENCY_MAX_MS = 600_000;

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000 };

/** The text is no length of time, or no chaos: the message says what is. */
export class ChaosError extends Error {
  override readonly name = 'ChaosError';
}

/** What `latency=2s,fail=30%` asks for. What is not named is well. @throws ChaosError */
export function parseChaos(text: string): Chaos {
  let chaos = noChaos;
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split(/=(.*)/s).map((word) => word.trim());
    switch (name) {
      case 'latency':
        chaos = { ...chaos, latencyMs: parseLength(value) };
        break;
      case 'fail':
        chaos = { ...chaos, failShare: parseShare(value) };
        break;
      default:
        throw new ChaosError(`There is no "${name}"; write latency=2s, fail=30%, or both with a comma between.`);
    }
  }
  return chaos;
}

/** A length of time such as 200ms, 2s, 1.5s or 1min, in milliseconds. @throws ChaosError */
export function parseLength(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|min)$/.exec(text) ?? [];
  const lengthMs = Number(digits) * (unitsMs[unit] ?? 0);
  if (digits === '' || lengthMs > LATENCY_MAX_MS) {
    throw new ChaosError(`"${text}" is no length of time up to 10min; write it as 200ms, 2s or 1min.`);
  }
  return lengthMs;
}

function parseShare(text: string): number {
  const [, digits = ''] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const share = Number(digits) / 100;
  if (digits === '' || share > 1) throw new ChaosError(`"${text}" is no share; write it as 30%, from 0% to 100%.`);
  return share;
}
