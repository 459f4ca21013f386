import { AdapterVersion } from '../lanes/adapter-version.ts';
import type { Lane } from '../lanes/lane.ts';
import { Trial } from '../lanes/trial.ts';
import type { CheckResult } from '../runtimes/runtime.ts';
import type { AdapterHouse, VersionToRun } from './adapter-house.ts';
import { InstallError } from './install-error.ts';

/** As long as an attempt is waited for that was asked to stop; what has not ended by then ends with its process. */
const DRAIN_MS = 30_000;

/** A share of the keys that goes first. */
export interface Canary {
  /** 1 to 99. */
  readonly percent: number;
  /** So many attempts prove the new version. */
  readonly attempts: number;
  /** After this it takes over with fewer, unless it failed more often. */
  readonly timeMs: number;
}

export interface SwitchOptions {
  readonly canary?: Canary | undefined;
  /** Makes it true: the lock names the new version. Nothing was switched yet; when it throws, nothing is. */
  readonly commit: () => Promise<void>;
}

/**
 * Replaces the version that a lane runs: starts the other one beside it, asks it to check itself, tries it with a share
 * of the keys if that is wanted, gives it all new attempts, lets the one before finish, and ends that.
 *
 * @returns what the new version found when it checked itself and did not go well
 * @throws {InstallError} DOES_NOT_RUN; the version before has never stopped running
 */
export async function switchVersion<Settings>(
  house: AdapterHouse<Settings>,
  { lane, next, canary, commit }: SwitchOptions & { readonly lane: Lane; readonly next: VersionToRun<Settings> },
): Promise<readonly string[]> {
  const { version } = next.manifest;
  const candidate = new AdapterVersion({ version, runtime: house.createRuntime(next) });
  let warnings: readonly string[];
  try {
    warnings = await startAndCheck(candidate, lane);
    if (canary !== undefined) await tryFirst(house, { lane, candidate, canary });
    await commit();
  } catch (error) {
    const { trial } = lane.versions;
    lane.versions.endTrial();
    if (trial !== undefined) lane.recoverFrom(trial);
    await retire(house, lane, candidate);
    if (trial !== undefined) lane.recoverFrom(trial);
    throw error;
  }
  const before = lane.versions.switchTo(candidate);
  house.onChange();
  house.onReport({ adapter: lane.adapter.id, adapterVersion: version, before: before.version }, 'adapter switched');
  await retire(house, lane, before);
  return warnings;
}

/** What did not go well of what an adapter checked itself: its external system is not its fault. */
export function warningsOf(results: readonly CheckResult[]): readonly string[] {
  return results.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`);
}

/** A configuration that is wrong refuses a version; a system that cannot be reached only warns. */
async function startAndCheck(candidate: AdapterVersion, { adapter }: Lane): Promise<readonly string[]> {
  const start = await candidate.start();
  if (start.kind !== 'ready') {
    throw new InstallError(
      'DOES_NOT_RUN',
      `${adapter.id} ${candidate.version} does not run: ${start.reason}; ${adapter.version || 'nothing'} stays`,
    );
  }
  return warningsOf(await candidate.check());
}

async function tryFirst<Settings>(
  { clock, onReport, onChange }: AdapterHouse<Settings>,
  { lane, candidate, canary }: { lane: Lane; candidate: AdapterVersion; canary: Canary },
): Promise<void> {
  const { id, version: before } = lane.adapter;
  const trial = new Trial({ ...canary, candidate, clock });
  lane.versions.beginTrial(trial);
  onChange();
  onReport({ adapter: id, adapterVersion: candidate.version, before, percent: canary.percent }, 'adapter on trial');
  const end = await trial.ended;
  const { attempts, failures } = trial.health;
  onReport({ adapter: id, adapterVersion: candidate.version, ...end, attempts, failures }, 'the trial ended');
  if (end.kind === 'proven') return;
  throw new InstallError(
    'DOES_NOT_RUN',
    `${id} went back to ${before}: with ${canary.percent}% of the keys ${candidate.version} was tried, and ${end.why}`,
  );
}

/** Lets a version finish what it has and ends it. */
async function retire<Settings>({ clock }: AdapterHouse<Settings>, lane: Lane, version: AdapterVersion): Promise<void> {
  await version.drained(DRAIN_MS, clock);
  await lane.versions.closeRetired(version);
}
