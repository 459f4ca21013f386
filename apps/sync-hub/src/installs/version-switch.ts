import { AdapterVersion } from '../lanes/adapter-version.ts';
import type { CanaryOptions } from '../lanes/canary.ts';
import type { Lane } from '../lanes/lane.ts';
import type { ReadyRuntime } from '../runtimes/runtime.ts';
import type { AdapterHouse, VersionToRun } from './adapter-house.ts';
import { InstallError } from './install-error.ts';

/** As long as an attempt is waited for that was asked to stop; what has not ended by then ends with its process. */
export const DRAIN_MS = 30_000;

export interface SwitchOptions {
  readonly canary?: CanaryOptions | undefined;
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
  const version = next.manifest?.version ?? '';
  const candidate = new AdapterVersion({ version, runtime: house.createRuntime(next) });
  let warnings: readonly string[];
  try {
    const { adapter } = lane;
    warnings = await startAndCheck(candidate, { id: adapter.id, otherwise: `${adapter.version || 'nothing'} stays` });
    warnings = [...warnings, ...narrowing(lane.versions.current, candidate)];
    if (canary !== undefined) await runCanary(house, { lane, candidate, canary });
    await commit();
  } catch (error) {
    const rolledBack = lane.versions.canary;
    lane.versions.endCanary();
    await lane.versions.retire(candidate, DRAIN_MS);
    // Not before: what it still had could pause the lane again.
    if (rolledBack !== undefined) lane.recoverFrom(rolledBack);
    throw error;
  }
  const before = lane.versions.switchTo(candidate);
  house.onChange();
  house.onReport({ adapter: lane.adapter.id, adapterVersion: version, before: before.version }, 'adapter switched');
  await lane.versions.retire(before, DRAIN_MS);
  return warnings;
}

/**
 * Starts a version and asks it to check itself. A configuration that is wrong refuses it, and so does an end while it
 * checks; a system that cannot be reached only warns.
 *
 * @param otherwise what holds when it does not run, for the message
 * @returns what did not go well
 * @throws {InstallError} DOES_NOT_RUN
 */
export async function startAndCheck(
  candidate: AdapterVersion,
  { id, otherwise }: { readonly id: string; readonly otherwise: string },
): Promise<readonly string[]> {
  const start = await candidate.start();
  const results = start.kind === 'ready' ? await candidate.check() : [];
  const { standing = start } = candidate;
  if (standing.kind !== 'ready') {
    // Whether it is started again does not matter: it is closed now.
    const why = standing.cause ?? standing.reason;
    throw new InstallError('DOES_NOT_RUN', `${id} ${candidate.version} does not run: ${why}; ${otherwise}`);
  }
  return results.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`);
}

/** What the new version no longer takes. No rollback brings back what was skipped meanwhile. */
function narrowing(before: AdapterVersion, after: AdapterVersion): readonly string[] {
  const [taken, takes] = [acceptsOf(before), acceptsOf(after)];
  if (taken === undefined || takes === undefined || takes === 'all') return [];
  const skipped =
    taken === 'all' ? `types other than ${[...takes].join(', ')}` : [...taken.difference(takes)].join(', ');
  return skipped === ''
    ? []
    : [`types: ${skipped} are no longer taken; deliveries of them are SKIPPED, those that wait too`];
}

/** Undefined while it is not ready. */
function acceptsOf({ standing }: AdapterVersion): ReadyRuntime['accepts'] | undefined {
  return standing?.kind === 'ready' ? standing.accepts : undefined;
}

/** @throws {InstallError} DOES_NOT_RUN when it is rolled back */
async function runCanary<Settings>(
  { onReport, onChange }: AdapterHouse<Settings>,
  { lane, candidate, canary }: { lane: Lane; candidate: AdapterVersion; canary: CanaryOptions },
): Promise<void> {
  const { id, version: before } = lane.adapter;
  const facts = { adapter: id, adapterVersion: candidate.version, before, percent: canary.percent };
  const running = lane.versions.beginCanary(candidate, canary);
  onChange();
  onReport(facts, 'canary started');
  const end = await running.ended;
  const { attempts, failures } = running.health;
  onReport({ ...facts, ...end, attempts, failures }, 'canary ended');
  if (end.kind === 'passed') return;
  throw new InstallError(
    'DOES_NOT_RUN',
    `${id} was rolled back to ${before}: ${candidate.version} had ${canary.percent}% of the keys, and ${end.why}`,
  );
}
