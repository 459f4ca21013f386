import type { Json } from '../canonical-json.ts';
import { isJsonObject } from './http-event.ts';

/** Where HMS-API's messages name the thing that changed, the likeliest first. */
export const DEFAULT_KEY_FIELDS: readonly string[] = ['processId', 'policyId', 'id'];

/** An event's key, and the field that it was found in. */
export interface FoundKey {
  readonly key: string;
  readonly field: string;
}

/** The first of the fields of a payload that holds a text or a number; undefined when none does. */
export function keyOfPayload(payload: Json | undefined, keyFields: readonly string[]): FoundKey | undefined {
  if (!isJsonObject(payload)) return undefined;
  for (const field of keyFields) {
    const value = Object.hasOwn(payload, field) ? payload[field] : undefined;
    const isKey = typeof value === 'number' || (typeof value === 'string' && value !== '');
    // Half a surrogate pair becomes on disk what it becomes here.
    if (isKey) return { key: String(value).toWellFormed(), field };
  }
  return undefined;
}
