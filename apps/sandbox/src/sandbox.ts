import { type RecordedCall, recordedCall } from './call.ts';
import type { CallCount } from './call-log.ts';
import { CallLog } from './call-log.ts';
import type { CallQuery } from './call-query.ts';
import { CallWatch } from './call-watch.ts';
import { type Controlled, createControlServer } from './control.ts';
import { type ArmedFaultView, ExternalSystem } from './external-system.ts';
import { type Fault, parseFault } from './fault.ts';
import { Port } from './port.ts';
import { Receipts } from './receipts.ts';
import { type SandboxOptions, settle } from './sandbox-options.ts';
import { eachSystem, type SystemName, systemNames } from './system.ts';

export type { CallFault } from './call.ts';
export type { FaultMatch } from './fault.ts';
export { type FieldProblem, SandboxError, type SandboxErrorCode } from './sandbox-error.ts';
export { systemNames } from './system.ts';
export type { ArmedFaultView, CallCount, CallQuery, Fault, RecordedCall, SandboxOptions, SystemName };

/** A number of calls, or a look at those that came: true when they are what was waited for. */
export type WantedCalls = number | ((calls: readonly RecordedCall[]) => boolean);

export type WaitForCallsOptions = CallQuery & {
  /** Default 5,000. */
  readonly timeoutMs?: number;
};

/** Three external systems, their memory, and the faults that trouble them. */
export interface Sandbox extends Controlled {
  /**
   * Resolves with the calls that fit once there are at least that many, or once the predicate says yes. A call is there
   * when it has arrived; one that no fault troubles is then answered too.
   *
   * @throws SandboxError `wait_timed_out`, `closed`
   */
  readonly waitForCalls: (wanted: WantedCalls, options?: WaitForCallsOptions) => Promise<RecordedCall[]>;
  /** Closes all ports, cuts all connections, ends all waiting. A second time does nothing. */
  readonly close: () => Promise<void>;
}

const WAIT_TIMEOUT_MS_DEFAULT = 5_000;

/**
 * Starts the stand-ins and the control port; resolves when all of them listen.
 *
 * @throws SandboxError `invalid_argument` for an option out of its bounds, `port_unavailable`; nothing listens then
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host, ports, tokens, seed, keepCalls, keepBodyBytes } = settle(options);
  const receipts = eachSystem((system) => new Receipts(system));
  const watch = new CallWatch();
  const log = new CallLog({
    keepCalls,
    keepBodyBytes,
    onForgotten: (call) => receipts[call.system].forget(call.idempotencyKey, call.sequence),
    onChange: () => watch.notify(),
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
  const all = systemNames.map((system) => externalSystems[system]);
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
    watch.close();
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
    waitForCalls: (wanted, { timeoutMs = WAIT_TIMEOUT_MS_DEFAULT, ...query } = {}) => {
      const hasCome =
        typeof wanted === 'number' ? countUpTo(log, query, wanted) : () => wanted(controlled.calls(query));
      return watch.wait({
        look: () => (hasCome() ? controlled.calls(query) : undefined),
        timeoutMs,
        describe: () => {
          const awaited = typeof wanted === 'number' ? `${wanted} calls were awaited` : 'the calls were not as awaited';
          return `${awaited}, ${log.count(query).count} had come`;
        },
      });
    },
    close,
  };
}

/**
 * Whether as many calls have come. Each look counts only what came since the last one: waiting for the end of a benchmark
 * must not slow it down.
 */
function countUpTo(log: CallLog, query: CallQuery, wanted: number): () => boolean {
  let counted = 0;
  let since = query.since ?? 0;
  return () => {
    counted += log.count({ ...query, since }).count;
    since = Math.max(since, log.nextSequence - 1);
    return counted >= wanted;
  };
}
