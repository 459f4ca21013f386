import type { CheckResult } from '../check-result.ts';
import type { JsonSchema } from '../config-schema.ts';
import type { DeliveryAttempt } from '../delivery.ts';
import type { Diagnostic } from '../host/configuration.ts';
import type { Outcome } from '../outcome.ts';

/** What an adapter says about itself, however it is reached. */
export interface TargetDescription {
  readonly id: string;
  readonly version: string;
  /** The protocol majors that it speaks. */
  readonly protocols: readonly number[];
  /** The event types that it takes. Empty: all. */
  readonly accepts: readonly string[];
  /** Undefined: it takes no configuration, or its library makes no JSON Schema. */
  readonly configSchema: JsonSchema | undefined;
}

/** An adapter that the kit talks to: opened for one check, then closed. */
export interface Target {
  /** Hands over a configuration. Empty: ready. */
  configure(config: unknown): Promise<readonly Diagnostic[]>;
  /** What the adapter's check finds; empty when it has none. */
  check(): Promise<readonly CheckResult[]>;
  /** One attempt. Those that are handed over in one turn of the event loop may go together. */
  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome>;
  /** Finish what is in flight and take nothing new; resolves with how many got no outcome in time. */
  drain(timeoutMs: number): Promise<number>;
  /** How it broke the contract so far: an outcome too many, an outcome for nothing. Empty: it did not. */
  breaches(): readonly string[];
  /** Ends what `open` began. */
  close(): Promise<void>;
}

/** An adapter that is to be verified: where it is, and what can be seen of it from here. */
export interface Subject {
  /** For people, such as `@clinic/adapter-lab 1.0.0` or `127.0.0.1:7443`. */
  readonly name: string;
  describe(): Promise<TargetDescription>;
  open(): Promise<Target>;
  /** What it wrote to its log since this was last asked. Undefined: that cannot be seen from here. */
  takeLog(): readonly string[] | undefined;
  /** Whether its memory and its handles are those of this process. */
  readonly inThisProcess: boolean;
  /** The folder of its package, for the checks of its manifest. Undefined: it has none. */
  readonly folder: string | undefined;
}
