import { type FieldProblem, SandboxError } from './sandbox-error.ts';
import { eachSystem, type SystemName, systemNames } from './system.ts';

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

/** The options with nothing left open. */
export interface SandboxSettings {
  readonly host: string;
  readonly ports: Readonly<Record<SystemName | 'control', number>>;
  readonly tokens: Readonly<Record<SystemName, string | undefined>>;
  readonly seed: number;
  readonly keepCalls: number;
  readonly keepBodyBytes: number;
}

/** About 620 bytes each as measured, so about 120 MB when full: ten seconds and more of the benchmark at full speed. */
const KEEP_CALLS_DEFAULT = 200_000;

/** The ring is one array; more than this would be gigabytes of calls. */
const KEEP_CALLS_MAX = 10_000_000;

const KEEP_BODY_BYTES_DEFAULT = 32 * 1024 * 1024;

const PORT_MAX = 65_535;

/** @throws SandboxError `invalid_argument` that names each option out of its bounds */
export function settle(options: SandboxOptions): SandboxSettings {
  const ports = { ...eachSystem((system) => options.ports?.[system] ?? 0), control: options.ports?.control ?? 0 };
  const settings: SandboxSettings = {
    host: options.host ?? '127.0.0.1',
    ports,
    tokens: eachSystem((system) => options.tokens?.[system]),
    seed: options.seed ?? 1,
    keepCalls: options.keepCalls ?? KEEP_CALLS_DEFAULT,
    keepBodyBytes: options.keepBodyBytes ?? KEEP_BODY_BYTES_DEFAULT,
  };
  const problems: FieldProblem[] = [];
  const demand = (field: string, value: number, [min, max]: readonly [number, number]): void => {
    if (Number.isInteger(value) && value >= min && value <= max) return;
    problems.push({ field, description: `must be a whole number from ${min} to ${max}` });
  };
  for (const name of [...systemNames, 'control'] as const) demand(`ports.${name}`, ports[name], [0, PORT_MAX]);
  demand('seed', settings.seed, [0, 2 ** 32 - 1]);
  demand('keepCalls', settings.keepCalls, [1, KEEP_CALLS_MAX]);
  demand('keepBodyBytes', settings.keepBodyBytes, [0, Number.MAX_SAFE_INTEGER]);
  if (problems.length > 0) throw SandboxError.invalid('option', problems);
  return settings;
}
