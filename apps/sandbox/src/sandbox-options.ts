import { z } from 'zod';
import { parseFields, wholeNumber } from './parse-fields.ts';
import { eachSystem, type SystemName } from './system.ts';

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0, the default, lets the operating system choose. */
  readonly ports?: Partial<Record<SystemName | 'control', number>>;
  /** The bearer token that a system asks for. A system without one takes any call. */
  readonly tokens?: Partial<Record<SystemName, string>>;
  /** A whole number, default 1. Every fault starts to draw its random numbers from here, so a run can be repeated. */
  readonly seed?: number;
  /** Calls that are remembered, 1 or more, default 200,000. */
  readonly keepCalls?: number;
  /** Bytes of bodies that are remembered, all together, default 32 MiB. */
  readonly keepBodyBytes?: number;
}

/** About 620 bytes each as measured, so about 120 MB when full: ten seconds and more of the benchmark at full speed. */
const KEEP_CALLS_DEFAULT = 200_000;

/** The ring is one array; more than this would be gigabytes of calls. */
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
