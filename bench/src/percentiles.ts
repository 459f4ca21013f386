/** The median and the 99th percentile of some measures, in their unit. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** By nearest rank; NaN of nothing. */
export function percentiles(measures: readonly number[]): Percentiles {
  const sorted = Float64Array.from(measures).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
