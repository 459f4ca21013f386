import { canonicalJson, checkJson, isJsonContentType, JsonError, readJson } from '@hms-sync/proto/json';
import type { SyncEvent } from '../../core/event.ts';
import { Refusal } from '../refusal.ts';

/**
 * Data that calls itself JSON, or has no content type, must be JSON: no adapter could read it otherwise, and each would
 * make a dead letter of it. It is carried as it came all the same.
 *
 * @throws {Refusal} EVENT_INVALID
 */
export function checkJsonData({ data, dataContentType }: Pick<SyncEvent, 'data' | 'dataContentType'>): void {
  if (data.byteLength === 0 || !isJsonContentType(dataContentType)) return;
  try {
    checkJson(data);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const other = '; of what is not JSON, say the media type in event.data_content_type';
    const description = `${error.message}${error.code === 'too_deep' ? '' : other}`;
    throw new Refusal('EVENT_INVALID', `event.data ${description}`, { fields: [{ field: 'event.data', description }] });
  }
}

/** Whether the data of two events is JSON of the same value: whitespace, the order of members, 1.0 and 1 are no matter. */
export function saysTheSame(one: SyncEvent, other: SyncEvent): boolean {
  const isJson = isJsonContentType(one.dataContentType) && isJsonContentType(other.dataContentType);
  if (!isJson) return false;
  const said = canonical(one.data);
  return said !== undefined && said === canonical(other.data);
}

/** Undefined for what is no JSON; a hub before this one may have taken some. */
function canonical(data: Uint8Array): string | undefined {
  try {
    return canonicalJson(readJson(data).value);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
