import { AdapterVersion } from '../lanes/adapter-version.ts';
import type { CanaryOptions } from '../lanes/canary.ts';
import type { Lane } from '../lanes/lane.ts';
import type { ReadyRuntime } from '../runtimes/runtime.ts';
import { InstallError } from './install-error.ts';
import type { LifecycleDeps, VersionToRun } from './lifecycle-deps.ts';

/** As long as an attempt is waited for that was asked to stop; what has not ended by then ends with its process. */
export const DRAIN_MS = 30_000;

export interface SwitchOptions {
  readonly lane: Lane;
  readonly next: VersionToRun;
  readonly canary?: CanaryOptions | undefined;
  /** Makes it durable: the lock names the new version. Called before the switch; when it throws, nothing is switched. */
  readonly commit?: () => Promise<void>;
}

type SwitchDeps = Pick<LifecycleDeps, 'createRuntime' | 'report'>;

/**
 * Replaces the version that a lane runs: starts the other one beside it, asks it to check itself, tries it with a share
 * of the keys if that is wanted, gives it all new attempts, lets the one before finish, and ends that.
 *
 * @returns what the new version found when it checked itself and did not go well
 * @throws {InstallError} DOES_NOT_RUN; the version before has never stopped running
 */
export async function switchVersion(
  deps: SwitchDeps,
  { lane, next, canary, commit }: SwitchOptions,
): Promise<readonly string[]> {
  const version = next.manifest?.version ?? '';
  const candidate = new AdapterVersion({ version, runtime: deps.createRuntime(next) });
  let warnings: readonly string[];
  try {
    const { id, version: running } = lane.adapter;
    warnings = await startAndCheck(candidate, { id, otherwise: `${running || 'nothing'} stays` });
    warnings = [...warnings, ...narrowing(lane.versions.current, candidate)];
    if (canary !== undefined) await runCanary(deps, { lane, candidate, canary });
    await commit?.();
  } catch (error) {
    const rolledBack = lane.versions.canary;
    lane.versions.endCanary();
    await lane.versions.retire(candidate, DRAIN_MS);
    // Not before: what it still had could pause the lane again.
    if (rolledBack !== undefined) lane.recoverFrom(rolledBack);
    throw error;
  }
  const before = lane.versions.switchTo(candidate);
  deps.report({ adapter: lane.adapter.id, adapterVersion: version, before: before.version }, 'adapter switched');
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
  const { status = start } = candidate;
  if (status.kind !== 'ready') {
    // Whether it is started again does not matter: it is closed now.
    const why = status.cause ?? status.reason;
    throw new InstallError('DOES_NOT_RUN', `${id} ${candidate.version} does not run: ${why}; ${otherwise}`);
  }
  return results.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`);
}

/** What the new version no longer accepts. No rollback brings back what was skipped meanwhile. */
function narrowing(before: AdapterVersion, after: AdapterVersion): readonly string[] {
  const [taken, takes] = [acceptsOf(before), acceptsOf(after)];
  if (taken === undefined || takes === undefined || takes === 'all') return [];
  const skipped =
    taken === 'all' ? `types other than ${[...takes].join(', ')}` : [...taken.difference(takes)].join(', ');
  return skipped === ''
    ? []
    : [`types: ${skipped} are no longer accepted; deliveries of them are SKIPPED, those that wait too`];
}

/** Undefined while it is not ready. */
function acceptsOf({ status }: AdapterVersion): ReadyRuntime['accepts'] | undefined {
  return status?.kind === 'ready' ? status.accepts : undefined;
}

/** @throws {InstallError} DOES_NOT_RUN when it is rolled back */
async function runCanary(
  { report }: SwitchDeps,
  { lane, candidate, canary }: { lane: Lane; candidate: AdapterVersion; canary: CanaryOptions },
): Promise<void> {
  const { id, version: before } = lane.adapter;
  const facts = { adapter: id, adapterVersion: candidate.version, before, percent: canary.percent };
  const running = lane.versions.beginCanary(candidate, canary);
  report(facts, 'canary started');
  const end = await running.ended;
  const { attempts, failures } = running.health;
  report({ ...facts, ...end, attempts, failures }, 'canary ended');
  if (end.kind === 'passed') return;
  throw new InstallError(
    'DOES_NOT_RUN',
    `${id} was rolled back to ${before}: ${candidate.version} had ${canary.percent}% of the keys, and ${end.why}`,
  );
}
