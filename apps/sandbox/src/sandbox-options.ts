import { z } from 'zod';
import { parseFields, wholeNumber } from './parse-fields.ts';
import { eachSystem, type SystemName } from './system.ts';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0, the default: any free port. */
  readonly ports?: Partial<Record<SystemName | 'control', number>>;
  /** The bearer token that a system requires. Absent: it requires none. */
  readonly tokens?: Partial<Record<SystemName, string>>;
  /** A whole number, default 1. Each fault starts its random numbers from it, so that a run can be repeated. */
  readonly seed?: number;
  /** How many calls are kept, 1 or more, default 200,000. */
  readonly keepCalls?: number;
  /** How many bytes of bodies are kept in total, default 32 MiB. */
  readonly keepBodyBytes?: number;
}

/** About 120 MB when full (620 bytes each, measured): at least ten seconds of the benchmark at full speed. */
const KEEP_CALLS_DEFAULT = 200_000;

/** More would need gigabytes of memory. */
const KEEP_CALLS_MAX = 10_000_000;

const KEEP_BODY_BYTES_DEFAULT = 32 * 1024 * 1024;

const PORT_MAX = 65_535;

const PORT = wholeNumber(0, PORT_MAX).default(0);
const TOKEN = z.string().optional();

const OPTIONS = z.strictObject({
  host: z.string().default('127.0.0.1'),
  ports: z.strictObject({ ...eachSystem(() => PORT), control: PORT }).prefault({}),
  tokens: z.strictObject(eachSystem(() => TOKEN)).prefault({}),
  seed: wholeNumber(0, 2 ** 32 - 1).default(1),
  keepCalls: wholeNumber(1, KEEP_CALLS_MAX).default(KEEP_CALLS_DEFAULT),
  keepBodyBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(KEEP_BODY_BYTES_DEFAULT),
});

/** The options with their defaults. */
export type SandboxSettings = Readonly<z.output<typeof OPTIONS>>;

/** @throws SandboxError `invalid_argument` that names each option out of its bounds */
export function settingsOf(options: SandboxOptions): SandboxSettings {
  return parseFields('option', OPTIONS, options);
}
