import type { CheckResult } from '../check-result.ts';
import type { JsonSchema } from '../config-schema.ts';
import type { DeliveryAttempt } from '../delivery.ts';
import type { Diagnostic } from '../host/configuration.ts';
import type { Outcome } from '../outcome.ts';

/** The properties of an adapter, in this process or remote. */
export interface TargetDescription {
  readonly id: string;
  readonly version: string;
  /** The major protocol versions that it supports. */
  readonly protocols: readonly number[];
  /** The event types that it accepts. Empty: all. */
  readonly accepts: readonly string[];
  /** Undefined: it has no configuration, or its library has no JSON Schema. */
  readonly configSchema: JsonSchema | undefined;
}

/** An adapter as one check uses it: opened for the check, then closed. */
export interface Target {
  /** Sets the configuration. An empty result means ready. */
  configure(config: unknown): Promise<readonly Diagnostic[]>;
  /** Runs the adapter's check; empty when it has none. */
  check(): Promise<readonly CheckResult[]>;
  /** Makes one attempt. Attempts of one turn of the event loop may be sent together. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;
  /** Finishes running attempts and accepts no new ones; resolves with how many had no outcome in time. */
  drain(timeoutMs: number): Promise<number>;
  /** Its breaches of the contract so far, such as an extra outcome. */
  breaches(): readonly string[];
  /** Closes it. */
  close(): Promise<void>;
}

/** The adapter under test. */
export interface Subject {
  /** Its name in reports, such as `@clinic/adapter-lab 1.0.0` or `127.0.0.1:7443`. */
  readonly name: string;
  describe(): Promise<TargetDescription>;
  open(): Promise<Target>;
  /** Its log since the last call. Undefined: it is in another process. */
  takeLog(): readonly string[] | undefined;
  /** Whether it runs in this process. */
  readonly inThisProcess: boolean;
  /** The folder of its package, for the checks of its manifest. Undefined: it has none. */
  readonly folder: string | undefined;
}
