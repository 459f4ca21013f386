const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/**
 * The WAL may still grow by its 16 MiB and a group, its checkpoint takes as much again, and the rest holds the outcomes of
 * some hundred thousand deliveries (about 200 bytes each).
 */
const DEFAULT_BYTES = 2 ** 26;
/** Less would not hold what is still written of events that were accepted before. */
const MIN_BYTES = 2 ** 24;
const MAX_BYTES = 2 ** 50;

export const DISK_RESERVE_RULE = 'must be a size from 16MiB to 1024TiB, such as 64MiB';

export function isDiskReserve(size: unknown): boolean {
  return isBetween(size, MIN_BYTES);
}

export const BYTES_PER_DAY_RULE = 'must be a size from 1MiB to 1024TiB, such as 20GiB';

export function isBytesPerDay(size: unknown): boolean {
  return isBetween(size, 2 ** 20);
}

function isBetween(size: unknown, minBytes: number): boolean {
  const bytes = bytesOf(size);
  return bytes !== undefined && bytes >= minBytes && bytes <= MAX_BYTES;
}

/** With less than this free on its disk the hub accepts no new events. Absent: the default. */
export function toDiskReserve(size: number | string | undefined): number {
  return bytesOf(size) ?? DEFAULT_BYTES;
}

/** The bytes of a size: a whole number of them, or a text such as "64MiB". Undefined for anything else. */
export function bytesOf(size: unknown): number | undefined {
  if (typeof size === 'number') return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  const [, digits, unit = ''] = /^(\d{1,12}) ?([KMGT]iB)$/.exec(typeof size === 'string' ? size : '') ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
