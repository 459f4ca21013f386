import { isAbsolute } from 'node:path';
import type { DescMethod, DescService, MessageShape } from '@bufbuild/protobuf';
import { durationMs, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { AccessService, type Grants, Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdminService, type DeliveryFilter, type Job } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type AuditTarget, auditText } from '../../audit/audit-record.ts';
import { parsePackageName } from '../../installs/package-spec.ts';

/** What stands for the key of an event. */
type Hashed = (key: string) => string;

/** What the audit log keeps of an rpc's request and response: names and numbers, never a payload or a secret. */
interface AuditedRpc<Method extends DescMethod> {
  /** Undefined for a call that changes nothing, which has no record. */
  target(request: MessageShape<Method['input']>, hashed: Hashed): AuditTarget | undefined;
  result?(response: MessageShape<Method['output']>): AuditTarget;
}

type AuditedRpcs<Service extends DescService> = {
  readonly [Rpc in keyof Service['method']]?: AuditedRpc<Service['method'][Rpc]>;
};

const ADMIN: AuditedRpcs<typeof AdminService> = {
  replayDeliveries: {
    target({ filter, dryRun, ratePerSecond, includeStale, includeReplayed }, hashed) {
      if (dryRun) return undefined;
      const how = { rate_per_second: ratePerSecond, include_stale: includeStale, include_replayed: includeReplayed };
      return { filter: filterOf(filter, hashed), ...given(how) };
    },
    result: ({ job }) => jobOf(job),
  },
  discardDeliveries: {
    target: ({ filter, dryRun }, hashed) => (dryRun ? undefined : { filter: filterOf(filter, hashed) }),
    result: ({ discarded }) => ({ deliveries: Number(discarded) }),
  },
  cancelJob: {
    target: ({ id }) => ({ job: auditText(id) }),
    result: ({ job, wasRunning }) => ({ ...jobOf(job), was_running: wasRunning }),
  },
  pauseAdapter: { target: adapterOf, result: ({ wasPaused }) => ({ was_paused: wasPaused }) },
  resumeAdapter: { target: adapterOf, result: ({ wasPaused }) => ({ was_paused: wasPaused }) },
  probeAdapter: {
    target: adapterOf,
    result: ({ eventId, source }) => given({ event_id: auditText(eventId), source: auditText(source) }),
  },
  retryAdapter: { target: adapterOf, result: ({ retried }) => ({ deliveries: Number(retried) }) },
  restartAdapter: { target: adapterOf, result: ({ version }) => ({ version }) },
  addAdapter: {
    target: ({ package: spec, id, dryRun }) =>
      dryRun ? undefined : { package: packageOf(spec), ...given({ adapter: auditText(id) }) },
    result: ({ adapter, version }) => ({ adapter, version }),
  },
  upgradeAdapter: {
    target({ adapter, version, canaryPercent, allowDowngrade, dryRun }) {
      if (dryRun) return undefined;
      const how = { canary_percent: canaryPercent, allow_downgrade: allowDowngrade };
      return { adapter: auditText(adapter), version: versionOf(version), ...given(how) };
    },
    result: ({ version }) => ({ version }),
  },
  rollbackAdapter: { target: adapterOf, result: ({ version }) => ({ version }) },
  removeAdapter: {
    target: ({ adapter, discard }) => ({ adapter: auditText(adapter), ...given({ discard }) }),
    result: ({ discarded }) => ({ deliveries: Number(discarded) }),
  },
  backupJournal: {
    target: ({ path }) => ({ backup: auditText(path) }),
    result: ({ path, sizeBytes }) => ({ path, size_bytes: Number(sizeBytes) }),
  },
};

const ACCESS: AuditedRpcs<typeof AccessService> = {
  createToken: {
    target: ({ name, role, grants, lifetime, neverExpires }, hashed) => ({
      ...{ token: auditText(name), role: roleOf(role), grants: grantsOf(grants, hashed) },
      ...given({ lifetime_s: lifetime && durationMs(lifetime) / 1_000, never_expires: neverExpires }),
    }),
    result: ({ token }) => ({ credential: token?.id }),
  },
  rotateToken: {
    target: ({ name, overlap, lifetime }) => ({
      token: auditText(name),
      ...(overlap && { overlap_s: durationMs(overlap) / 1_000 }),
      ...(lifetime && { lifetime_s: durationMs(lifetime) / 1_000 }),
    }),
    result: ({ token }) => ({ credential: token?.id }),
  },
  revokeToken: {
    target: ({ name }) => ({ token: auditText(name) }),
    result: ({ token }) => ({ credential: token?.id }),
  },
  reload: {
    target: () => ({}),
    result: ({ changed, needsRestart }) => ({ changed, needs_restart: needsRestart }),
  },
};

const SYNC: AuditedRpcs<typeof SyncService> = {
  getEvent: {
    target: ({ id, source, includePayload }) =>
      includePayload
        ? { event_id: auditText(id), ...given({ source: auditText(source ?? '') }), payload: true }
        : undefined,
  },
};

/** Its type depends on the rpc, which is known by name alone here. */
type AnyRpc = AuditedRpc<DescMethod>;

const TABLE: ReadonlyMap<string, Readonly<Record<string, AnyRpc | undefined>>> = new Map([
  [AdminService.typeName, ADMIN as Record<string, AnyRpc>],
  [AccessService.typeName, ACCESS as Record<string, AnyRpc>],
  [SyncService.typeName, SYNC as Record<string, AnyRpc>],
]);

/** What the audit log keeps of an rpc; undefined for one that changes nothing. */
export function auditedRpc(service: string, localName: string): AnyRpc | undefined {
  const rpcs = TABLE.get(service);
  return rpcs !== undefined && Object.hasOwn(rpcs, localName) ? rpcs[localName] : undefined;
}

function adapterOf({ adapter }: { readonly adapter: string }): AuditTarget {
  return { adapter: auditText(adapter) };
}

function jobOf(job: Job | undefined): AuditTarget {
  const { id, sent = 0n, matched = 0n } = job ?? {};
  return { job: id, matched: Number(matched), deliveries: Number(sent) };
}

/** A record shows this many values of a field, and how many there are. */
const VALUES_SHOWN = 20;

function filterOf(filter: DeliveryFilter | undefined, hashed: Hashed): AuditTarget {
  if (filter === undefined) return {};
  const { adapters, states, types, keys, eventIds, sources, since, until, errorKinds } = filter;
  return {
    ...shown('adapters', adapters, auditText),
    ...shown('states', states, (state) => enumWord(DeliveryState[state], state)),
    ...shown('types', types, auditText),
    ...shown('keys', keys, hashed),
    ...shown('event_ids', eventIds, auditText),
    ...shown('sources', sources, auditText),
    ...shown('error_kinds', errorKinds, (kind) => enumWord(OutcomeKind[kind], kind)),
    ...given({ since: timeOf(since), until: timeOf(until) }),
  };
}

function grantsOf(grants: Grants | undefined, hashed: Hashed): AuditTarget {
  const { types = [], sources = [], keys = [], adapters = [], ackDetails = false } = grants ?? {};
  return {
    ...shown('types', types, auditText),
    ...shown('sources', sources, auditText),
    ...shown('keys', keys, hashed),
    ...shown('adapters', adapters, auditText),
    ...given({ ack_details: ackDetails }),
  };
}

function shown<Value>(name: string, values: readonly Value[], inRecord: (value: Value) => string): AuditTarget {
  if (values.length === 0) return {};
  const first = values.slice(0, VALUES_SHOWN).map(inRecord);
  return { [name]: first, ...(values.length > first.length && { [`${name}_count`]: values.length }) };
}

/** Without what was left out of the request. */
function given(values: Readonly<Record<string, string | number | boolean | undefined>>): AuditTarget {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}

/** What is neither a package of a registry nor a path may be an address, with a password in it; it is refused anyway. */
function packageOf(spec: string): string {
  return isAbsolute(spec) || parsePackageName(spec) !== undefined ? auditText(spec) : '(no package)';
}

function versionOf(version: string): string {
  return isAbsolute(version) || /^[\w.^~<>=|*+ -]+$/.test(version) ? auditText(version) : '(no version)';
}

function timeOf(time: Timestamp | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = timestampDate(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function roleOf(role: Role): string {
  return enumWord(Role[role], role);
}

/** As the rest of the hub writes it: `DEAD_LETTERED` is `dead-lettered`. */
function enumWord(name: string | undefined, number: number): string {
  return name?.toLowerCase().replaceAll('_', '-') ?? String(number);
}
