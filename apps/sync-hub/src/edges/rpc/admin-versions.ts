import { durationMs } from '@bufbuild/protobuf/wkt';
import type {
  AddAdapterRequest,
  RemoveAdapterRequest,
  RestartAdapterRequest,
  RollbackAdapterRequest,
  UpgradeAdapterRequest,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { isJsonObject, type Json, JsonError, readJsonAsDoubles } from '@hms-sync/proto/json';
import { ADAPTER_ID, ADAPTER_ID_RULE } from '../../core/adapter-id.ts';
import { InstallError } from '../../installs/install-error.ts';
import { Refusal, wrongField } from '../refusal.ts';
import { toOptionalReason, toReason } from './admin-reason.ts';
import type { AdminRooms } from './admin-rooms.ts';

/** Enough for the rule of `judgeCanary` to hold by more than chance. */
const CANARY_ATTEMPTS = 200;
const CANARY_ATTEMPTS_MAX = 1_000_000;
/** A quiet adapter may not have so many in a day; nobody waits for that. */
const CANARY_MS = { least: 1_000, usual: 600_000, most: 86_400_000 };
/** A configuration is read by people. */
const CONFIG_MAX_CHARACTERS = 65_536;
const SPEC_MAX_CHARACTERS = 4_096;

/** @throws {Refusal} */
export async function addAdapter({ lifecycle, onChange }: AdminRooms, request: AddAdapterRequest) {
  const { configJson, id } = request;
  const wanted = toSpec('package', request.package);
  if (id !== '' && !ADAPTER_ID.test(id)) throw wrongField('id', ADAPTER_ID_RULE);
  const config = configJson === '' ? undefined : toConfig(configJson);
  const added = await refusing('package', () => lifecycle.add({ package: wanted, id: id || undefined, config }));
  onChange({ change: 'add', adapter: added.id, adapterVersion: added.version });
  return { adapter: added.id, version: added.version, warnings: [...added.warnings] };
}

/** @throws {Refusal} */
export async function upgradeAdapter({ lifecycle, onChange }: AdminRooms, request: UpgradeAdapterRequest) {
  const { adapter, canaryPercent, allowDowngrade } = request;
  const id = required('adapter', adapter);
  const version = toSpec('version', request.version);
  if (canaryPercent > 99) throw wrongField('canary_percent', 'must be 1 to 99, or 0 for all at once');
  const canary = canaryPercent === 0 ? undefined : toCanary(request);
  const upgraded = await refusing('version', () => lifecycle.upgrade({ id, version, canary, allowDowngrade }));
  onChange({ change: 'upgrade', adapter: id, adapterVersion: upgraded.version });
  return { version: upgraded.version, warnings: [...upgraded.warnings] };
}

/** @throws {Refusal} */
export async function rollbackAdapter({ lifecycle, onChange }: AdminRooms, request: RollbackAdapterRequest) {
  const id = required('adapter', request.adapter);
  const reason = toReason(request);
  const { version, warnings } = await refusing('adapter', () => lifecycle.rollback(id, reason));
  onChange({ change: 'rollback', adapter: id, adapterVersion: version, reason });
  return { version, warnings: [...warnings] };
}

/** @throws {Refusal} */
export async function removeAdapter({ lifecycle, onChange }: AdminRooms, request: RemoveAdapterRequest) {
  const id = required('adapter', request.adapter);
  const reason = toReason(request);
  const options = request.discard ? { discard: reason } : undefined;
  const discarded = await refusing('adapter', () => lifecycle.remove(id, options));
  onChange({ change: 'remove', adapter: id, reason, ...(request.discard && { deliveries: discarded }) });
  return { discarded: BigInt(discarded) };
}

/** @throws {Refusal} */
export async function restartAdapter({ lifecycle, onChange }: AdminRooms, request: RestartAdapterRequest) {
  const id = required('adapter', request.adapter);
  const reason = toOptionalReason(request);
  const { version, warnings } = await refusing('adapter', () => lifecycle.restart(id));
  onChange({ change: 'restart', adapter: id, adapterVersion: version, ...(reason !== '' && { reason }) });
  return { version, warnings: [...warnings] };
}

function toCanary({ canaryPercent: percent, canaryAttempts, canaryTime }: UpgradeAdapterRequest) {
  if (canaryAttempts > CANARY_ATTEMPTS_MAX) {
    throw wrongField('canary_attempts', `must be 1 to ${CANARY_ATTEMPTS_MAX}, or 0 for ${CANARY_ATTEMPTS}`);
  }
  const timeMs = canaryTime === undefined ? CANARY_MS.usual : durationMs(canaryTime);
  if (timeMs < CANARY_MS.least || timeMs > CANARY_MS.most) throw wrongField('canary_time', 'must be 1 s to 24 h');
  return { percent, attempts: canaryAttempts || CANARY_ATTEMPTS, timeMs };
}

function toConfig(text: string): Readonly<Record<string, unknown>> {
  const rule = `must be a JSON object of at most ${CONFIG_MAX_CHARACTERS} characters`;
  if (text.length > CONFIG_MAX_CHARACTERS) throw wrongField('config_json', rule);
  const value = parseConfig(text);
  if (!isJsonObject(value)) throw wrongField('config_json', rule);
  return { ...value };
}

function parseConfig(text: string): Json {
  try {
    return readJsonAsDoubles(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { code, path, message } = error;
    throw wrongField(code === 'inexact' && path !== '' ? `config_json.${path}` : 'config_json', message);
  }
}

function required(field: string, value: string): string {
  if (value === '') throw wrongField(field, 'is required');
  return value;
}

function toSpec(field: string, value: string): string {
  if (value.length > SPEC_MAX_CHARACTERS || /\p{Cc}/u.test(value)) throw wrongField(field, 'is too long, or no line');
  return required(field, value);
}

/** What the installing room refuses, in the words of the edges. */
async function refusing<Result>(field: string, change: () => Promise<Result>): Promise<Result> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    throw toRefusal(error, field);
  }
}

function toRefusal({ code, message }: InstallError, field: string): Refusal {
  switch (code) {
    case 'SPEC_INVALID':
      return wrongField(field, message);
    case 'NOT_FOUND':
      return new Refusal('PACKAGE_NOT_FOUND', message);
    case 'NO_SUCH_ADAPTER':
      return new Refusal('ADAPTER_NOT_FOUND', message);
    case 'NPM_FAILED':
    case 'LOCK_FAILED':
      return new Refusal('INSTALL_FAILED', message);
    case 'UNSETTLED':
      return new Refusal('ADAPTER_UNSETTLED', message);
    case 'NOT_AN_ADAPTER':
    case 'NOT_ALLOWED':
    case 'TAKEN':
    case 'CHANGED':
    case 'DOES_NOT_RUN':
    case 'NOT_NOW':
      return new Refusal('ADAPTER_REFUSED', message);
    default:
      return code satisfies never;
  }
}
