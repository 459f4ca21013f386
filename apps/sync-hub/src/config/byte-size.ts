const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** The bytes of a size: a whole number of them, or a text such as "64MiB". Undefined for anything else. */
export function bytesOf(size: unknown): number | undefined {
  if (typeof size === 'number') return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  const [, digits, unit = ''] = /^(\d{1,12}) ?([KMGT]iB)$/.exec(typeof size === 'string' ? size : '') ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
