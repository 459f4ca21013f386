import { EventEmitter, once } from 'node:events';
import { type RecordedCall, recordedCall } from './call.ts';
import type { CallCount } from './call-log.ts';
import { CallLog } from './call-log.ts';
import type { CallQuery } from './call-query.ts';
import { type Controlled, createControlServer } from './control.ts';
import { type ArmedFaultView, ExternalSystem } from './external-system.ts';
import { type Fault, parseFault } from './fault.ts';
import { Port } from './port.ts';
import { Receipts } from './receipts.ts';
import { SandboxError } from './sandbox-error.ts';
import { type SandboxOptions, settingsOf } from './sandbox-options.ts';
import { eachSystem, SYSTEM_NAMES, type SystemName } from './system.ts';

export type { CallFault } from './call.ts';
export type { FaultMatch } from './fault.ts';
export { type FieldProblem, SandboxError, type SandboxErrorCode } from './sandbox-error.ts';
export { SYSTEM_NAMES } from './system.ts';
export type { ArmedFaultView, CallCount, CallQuery, Fault, RecordedCall, SandboxOptions, SystemName };

/** A number of calls, or a predicate over the calls so far. */
export type WantedCalls = number | ((calls: readonly RecordedCall[]) => boolean);

export type WaitForCallsOptions = CallQuery & {
  /** Default 5,000. */
  readonly timeoutMs?: number;
};

/** Three stand-ins, the calls that they recorded, and their faults. */
export interface Sandbox extends Controlled {
  /**
   * Resolves with the calls that match once there are at least that many, or once the predicate returns true. A call
   * counts when it has arrived; without a fault it has been answered by then.
   *
   * @throws SandboxError `wait_timed_out`, `closed`
   */
  readonly waitForCalls: (wanted: WantedCalls, options?: WaitForCallsOptions) => Promise<RecordedCall[]>;
  /** Closes all ports, cuts all connections and rejects all `waitForCalls`. A second call does nothing. */
  readonly close: () => Promise<void>;
}

const WAIT_TIMEOUT_MS_DEFAULT = 5_000;

/**
 * Starts the stand-ins and the control port; resolves when all of them listen.
 *
 * @throws SandboxError `invalid_argument` for an option out of its bounds, `port_unavailable`; nothing listens then
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host, ports, tokens, seed, keepCalls, keepBodyBytes } = settingsOf(options);
  const receipts = eachSystem((system) => new Receipts(system));
  const changes = new EventEmitter().setMaxListeners(0);
  const closed = new AbortController();
  const log = new CallLog({
    keepCalls,
    keepBodyBytes,
    onForgotten: (call) => receipts[call.system].forget(call.idempotencyKey, call.sequence),
    onChange: () => changes.emit('change'),
  });
  const externalSystems = eachSystem(
    (system) =>
      new ExternalSystem({
        system,
        host,
        port: ports[system],
        token: tokens[system],
        seed,
        log,
        receipts: receipts[system],
      }),
  );
  const all = SYSTEM_NAMES.map((system) => externalSystems[system]);
  const setFaults = async (system: SystemName | '*', fault: Fault | null): Promise<void> => {
    const concerned = system === '*' ? all : [externalSystems[system]];
    await Promise.all(concerned.map((one) => one.setFault(fault)));
  };

  const controlled = {
    get urls() {
      return eachSystem((system) => externalSystems[system].url);
    },
    get controlUrl() {
      return controlPort.url;
    },
    calls: (query: CallQuery = {}) => log.find(query).map(recordedCall),
    countCalls: (query: CallQuery = {}) => log.count(query),
    clearCalls: () => log.clear(),
    faults: () => eachSystem((system) => externalSystems[system].fault),
    setFault: async (system: SystemName | '*', fault: unknown) => setFaults(system, parseFault(fault)),
    clearFaults: async (system: SystemName | '*' = '*') => setFaults(system, null),
  };
  const controlPort: Port = new Port({
    name: 'control',
    server: createControlServer(controlled),
    host,
    port: ports.control,
  });

  const doors = [...all, controlPort];
  const close = async (): Promise<void> => {
    closed.abort();
    await Promise.all(doors.map((door) => door.close()));
  };
  try {
    for (const door of doors) await door.open();
  } catch (error) {
    await close();
    throw error;
  }

  return {
    ...controlled,
    waitForCalls: async (wanted, { timeoutMs = WAIT_TIMEOUT_MS_DEFAULT, ...query } = {}) => {
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), closed.signal]);
      const hasArrived =
        typeof wanted === 'number' ? () => log.count(query).count >= wanted : () => wanted(controlled.calls(query));
      while (!hasArrived()) {
        await once(changes, 'change', { signal }).catch((cause: unknown) => {
          if (closed.signal.aborted) throw new SandboxError('closed', 'the sandbox was closed during waitForCalls');
          const awaited = typeof wanted === 'number' ? `${wanted} calls were awaited` : 'the predicate was not met';
          const { count } = log.count(query);
          throw new SandboxError('wait_timed_out', `after ${timeoutMs} ms ${awaited}, ${count} had come`, { cause });
        });
      }
      return controlled.calls(query);
    },
    close,
  };
}
