/** The smallest measure that is not below such a share of them, by nearest rank; NaN of nothing. */
export function quantile(measures: readonly number[], share: number): number {
  const sorted = Float64Array.from(measures).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(measures: readonly number[]): number {
  return quantile(measures, 0.5);
}
