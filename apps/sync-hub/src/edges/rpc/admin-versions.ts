import { isAbsolute } from 'node:path';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type {
  AddAdapterRequest,
  RemoveAdapterRequest,
  RestartAdapterRequest,
  RollbackAdapterRequest,
  UpgradeAdapterRequest,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { isJsonObject, type Json, JsonError, readJsonAsDoubles } from '@hms-sync/proto/json';
import { matches } from '../../access/grants.ts';
import { ADAPTER_ID, ADAPTER_ID_RULE } from '../../core/adapter-id.ts';
import type { Review } from '../../installs/adapter-lifecycle.ts';
import { InstallError } from '../../installs/install-error.ts';
import { parsePackageName } from '../../installs/package-spec.ts';
import { invalidField, RequestError } from '../request-error.ts';
import { type AdminCall, requireGranted } from './admin-deps.ts';
import { toOptionalReason, toReason } from './admin-reason.ts';

/** Enough for the rule of `judgeCanary` to hold by more than chance. */
const CANARY_ATTEMPTS = 200;
const CANARY_ATTEMPTS_MAX = 1_000_000;
/** A quiet adapter may not have this many in a day; nobody waits for that. */
const CANARY_MS = { least: 1_000, usual: 600_000, most: 86_400_000 };
/** A configuration is read by operators. */
const CONFIG_MAX_CHARACTERS = 65_536;
const SPEC_MAX_CHARACTERS = 4_096;

/** @throws {RequestError} */
export async function addAdapter(call: AdminCall, request: AddAdapterRequest) {
  const { lifecycle, onChange, caller } = call;
  const { configJson, id } = request;
  const wanted = toSpec('package', request.package);
  if (id !== '' && !ADAPTER_ID.test(id)) throw invalidField('id', ADAPTER_ID_RULE);
  if (caller.grants.adapters !== undefined) requireGranted(call, id);
  requireLocal(call, wanted);
  requireAllowed(call, wanted);
  const config = configJson === '' ? undefined : toConfig(configJson);
  const wish = { package: wanted, id: id || undefined, config, integrity: request.integrity || undefined };
  if (request.dryRun) {
    const review = await rejecting('package', () => lifecycle.reviewAdd(wish));
    return { adapter: review.manifest.id, version: review.manifest.version, review: toReview(review) };
  }
  const added = await rejecting('package', () => lifecycle.add(wish));
  onChange({ change: 'add', adapter: added.id, adapterVersion: added.version });
  return { adapter: added.id, version: added.version, warnings: [...added.warnings] };
}

/** @throws {RequestError} */
export async function upgradeAdapter(call: AdminCall, request: UpgradeAdapterRequest) {
  const { adapter, canaryPercent, allowDowngrade } = request;
  const id = required('adapter', adapter);
  requireGranted(call, id);
  const { lifecycle, onChange } = call;
  const version = toSpec('version', request.version);
  requireLocal(call, version);
  if (canaryPercent > 99) throw invalidField('canary_percent', 'must be 1 to 99, or 0 for all at once');
  const canary = canaryPercent === 0 ? undefined : toCanary(request);
  const wish = { id, version, canary, allowDowngrade, integrity: request.integrity || undefined };
  if (request.dryRun) {
    const review = await rejecting('version', () => lifecycle.reviewUpgrade(wish));
    return { version: review.manifest.version, review: toReview(review) };
  }
  const upgraded = await rejecting('version', () => lifecycle.upgrade(wish));
  onChange({ change: 'upgrade', adapter: id, adapterVersion: upgraded.version });
  return { version: upgraded.version, warnings: [...upgraded.warnings] };
}

/** @throws {RequestError} */
export async function rollbackAdapter(call: AdminCall, request: RollbackAdapterRequest) {
  const id = required('adapter', request.adapter);
  requireGranted(call, id);
  const { lifecycle, onChange } = call;
  const reason = toReason(request);
  const { version, warnings } = await rejecting('adapter', () => lifecycle.rollback(id, reason));
  onChange({ change: 'rollback', adapter: id, adapterVersion: version, reason });
  return { version, warnings: [...warnings] };
}

/** @throws {RequestError} */
export async function removeAdapter(call: AdminCall, request: RemoveAdapterRequest) {
  const id = required('adapter', request.adapter);
  requireGranted(call, id);
  const { lifecycle, onChange } = call;
  const reason = toReason(request);
  const options = request.discard ? { discard: reason } : undefined;
  const discarded = await rejecting('adapter', () => lifecycle.remove(id, options));
  onChange({ change: 'remove', adapter: id, reason, ...(request.discard && { deliveries: discarded }) });
  return { discarded: BigInt(discarded) };
}

/** @throws {RequestError} */
export async function restartAdapter(call: AdminCall, request: RestartAdapterRequest) {
  const id = required('adapter', request.adapter);
  requireGranted(call, id);
  const { lifecycle, onChange } = call;
  const reason = toOptionalReason(request);
  const { version, warnings } = await rejecting('adapter', () => lifecycle.restart(id));
  onChange({ change: 'restart', adapter: id, adapterVersion: version, ...(reason !== '' && { reason }) });
  return { version, warnings: [...warnings] };
}

/**
 * A path of the hub's machine is for whoever is on it: by any other way a caller could have the hub read files there.
 *
 * @throws {RequestError} PERMISSION_DENIED
 */
function requireLocal({ caller }: AdminCall, spec: string): void {
  if (!isAbsolute(spec) || caller.kind === 'socket' || caller.kind === 'open') return;
  const message =
    "a package by its path is installed through the hub's socket alone, on its machine; name one of the registry";
  throw new RequestError('PERMISSION_DENIED', message);
}

/**
 * Code that is installed runs as the hub's user: who may add any package is an administrator, whatever its role is.
 *
 * @throws {RequestError} PERMISSION_DENIED
 */
function requireAllowed({ caller, allowedPackages }: AdminCall, spec: string): void {
  if (caller.role === 'admin' || matches(allowedPackages, parsePackageName(spec)?.package ?? '')) return;
  const message =
    'only an administrator may install this package; adapterPolicy.allow of hms-sync.yaml names those that others may';
  throw new RequestError('PERMISSION_DENIED', message);
}

function toReview({ manifest, origin, integrity, secrets }: Review) {
  const { package: name, memoryMb, permissions } = manifest;
  return {
    ...{ package: name, origin, integrity, memoryMb, secrets: [...secrets] },
    ...(permissions && {
      permissions: { ...permissions, fsRead: [...permissions.fsRead], fsWrite: [...permissions.fsWrite] },
    }),
  };
}

function toCanary({ canaryPercent: percent, canaryAttempts, canaryTime }: UpgradeAdapterRequest) {
  if (canaryAttempts > CANARY_ATTEMPTS_MAX) {
    throw invalidField('canary_attempts', `must be 1 to ${CANARY_ATTEMPTS_MAX}, or 0 for ${CANARY_ATTEMPTS}`);
  }
  const timeMs = canaryTime === undefined ? CANARY_MS.usual : durationMs(canaryTime);
  if (timeMs < CANARY_MS.least || timeMs > CANARY_MS.most) throw invalidField('canary_time', 'must be 1 s to 24 h');
  return { percent, attempts: canaryAttempts || CANARY_ATTEMPTS, timeMs };
}

function toConfig(text: string): Readonly<Record<string, unknown>> {
  const rule = `must be a JSON object of at most ${CONFIG_MAX_CHARACTERS} characters`;
  if (text.length > CONFIG_MAX_CHARACTERS) throw invalidField('config_json', rule);
  const value = parseConfig(text);
  if (!isJsonObject(value)) throw invalidField('config_json', rule);
  return { ...value };
}

function parseConfig(text: string): Json {
  try {
    return readJsonAsDoubles(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { code, path, message } = error;
    throw invalidField(code === 'inexact' && path !== '' ? `config_json.${path}` : 'config_json', message);
  }
}

function required(field: string, value: string): string {
  if (value === '') throw invalidField(field, 'is required');
  return value;
}

function toSpec(field: string, value: string): string {
  if (value.length > SPEC_MAX_CHARACTERS || /\p{Cc}/u.test(value)) throw invalidField(field, 'is too long, or no line');
  return required(field, value);
}

/** What installs/ rejects, in the words of the edges. */
async function rejecting<Result>(field: string, change: () => Promise<Result>): Promise<Result> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    throw toRequestError(error, field);
  }
}

function toRequestError({ code, message }: InstallError, field: string): RequestError {
  switch (code) {
    case 'SPEC_INVALID':
      return invalidField(field, message);
    case 'NOT_FOUND':
      return new RequestError('PACKAGE_NOT_FOUND', message);
    case 'NO_SUCH_ADAPTER':
      return new RequestError('ADAPTER_NOT_FOUND', message);
    case 'NPM_FAILED':
    case 'LOCK_FAILED':
      return new RequestError('INSTALL_FAILED', message);
    case 'UNSETTLED':
      return new RequestError('ADAPTER_UNSETTLED', message);
    case 'NOT_AN_ADAPTER':
    case 'NOT_ALLOWED':
    case 'TAKEN':
    case 'CHANGED':
    case 'DOES_NOT_RUN':
    case 'NOT_NOW':
      return new RequestError('ADAPTER_REFUSED', message);
    default:
      return code satisfies never;
  }
}
