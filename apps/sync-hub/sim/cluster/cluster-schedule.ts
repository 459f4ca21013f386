import type { Cluster } from './cluster.ts';
import type { FaultKind } from './cluster-plan.ts';
import type { Machine } from './machine.ts';
import { waitsMs } from './ownership-oracle.ts';

/** Hubs without faults are watched for the longest patience and this. */
const QUIET_MS = 8_000;
/** One lane may move in each of so many minutes. */
const MINUTE_MS = 64_000;

/** Plays a schedule to its end. @throws {Error} that names the promise that was broken */
export function playCluster(cluster: Cluster): ReadonlyMap<string, number> {
  const { plan, queue, trace, oracle } = cluster;
  const run = (untilMs: number) => {
    queue.runUntil(untilMs, () => trace.violation !== undefined);
    if (trace.violation !== undefined) throw new Error(trace.violation);
  };
  oracle.fault(3_500);
  scheduleFault(cluster);
  scheduleCheck(cluster);
  run(plan.faultyMs);
  heal(cluster);
  const longestMs = Math.max(...plan.lanes.map(({ attemptTimeoutMs }) => waitsMs(attemptTimeoutMs)));
  for (let endMs = 0; endMs < oracle.faultEndedAtMs + longestMs + QUIET_MS; ) {
    endMs = oracle.faultEndedAtMs + longestMs + QUIET_MS;
    run(Math.max(cluster.nowMs, endMs));
  }
  if (plan.isBalanced) {
    run(cluster.nowMs + (plan.lanes.length + 2) * MINUTE_MS);
    oracle.moves = 0;
    cluster.queue.after(2 * MINUTE_MS, () => oracle.checkBalance());
    run(cluster.nowMs + 2 * MINUTE_MS);
  }
  return trace.met;
}

function scheduleCheck(cluster: Cluster): void {
  cluster.queue.after(500, () => {
    cluster.oracle.checkServed();
    cluster.oracle.checkOwnerships();
    scheduleCheck(cluster);
  });
}

function scheduleFault(cluster: Cluster): void {
  const { rng, plan, queue } = cluster;
  queue.after(rng.between(0, 2 * plan.faultEveryMs), () => {
    if (cluster.isHealed) return;
    const fault = rng.pick(plan.faults);
    const machine = rng.pick(cluster.machines);
    if (fault !== undefined && machine !== undefined) FAULTS[fault](cluster, machine);
    scheduleFault(cluster);
  });
}

/** No new faults; most machines that are down start again. */
function heal(cluster: Cluster): void {
  const { machines, rng } = cluster;
  cluster.isHealed = true;
  cluster.oracle.fault(3_500);
  const [first] = machines;
  for (const machine of machines) {
    if (machine === first || rng.chance(0.7)) cluster.start(machine, rng.between(0, 2_000));
  }
}

const FAULTS: Readonly<Record<FaultKind, (cluster: Cluster, machine: Machine) => void>> = {
  freeze(cluster, machine) {
    cluster.freeze(machine, duration(cluster), false);
  },
  suspend(cluster, machine) {
    cluster.freeze(machine, duration(cluster), true);
  },
  kill(cluster, machine) {
    cluster.kill(machine, cluster.rng.chance(0.3) ? Number.POSITIVE_INFINITY : cluster.rng.between(0, 30_000));
  },
  stop(cluster, machine) {
    cluster.stop(machine, cluster.rng.between(1_000, 30_000));
  },
  cut(cluster, machine) {
    cluster.cut(machine, duration(cluster));
  },
  slow(cluster, machine) {
    const forMs = cluster.rng.between(3_000, 12_000);
    machine.answersLateMs = cluster.rng.between(1_500, 1_950);
    cluster.oracle.fault(forMs + machine.answersLateMs);
    cluster.queue.after(forMs, () => {
      machine.answersLateMs = 0;
      // What was slow often breaks.
      if (cluster.rng.chance(0.7)) cluster.cut(machine, duration(cluster));
    });
  },
  terminate(cluster, machine) {
    cluster.breakConnection(machine, cluster.rng.chance(0.7));
  },
  'database down'(cluster) {
    cluster.takeDown(duration(cluster));
  },
  'database hangs'(cluster) {
    cluster.hang(duration(cluster));
  },
  failover(cluster) {
    cluster.failOver(cluster.rng.between(0, 20), cluster.rng.between(0, 5_000));
  },
  'clock jump'(cluster, machine) {
    const byMs = cluster.rng.pick([-3_600_000, -20_000, -5_000, 5_000, 20_000, 3_600_000]);
    if (byMs < 0 && machine.isSuspended) return;
    machine.jumpWall(byMs, cluster.nowMs);
    cluster.oracle.fault(0);
  },
  forget(cluster) {
    const id = cluster.rng.pick([...cluster.database.hubs.keys()]);
    if (id !== undefined) cluster.forget(id);
  },
};

function duration({ rng, plan }: Cluster): number {
  const [fromMs, toMs] = rng.pick(plan.durations);
  return rng.between(fromMs, toMs);
}
