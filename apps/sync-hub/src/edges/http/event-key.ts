import { isJsonObject, isNumber, type Json, numberText } from '@hms-sync/proto/json';

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
    if (isNumber(value)) return { key: numberText(value), field };
    // Half a surrogate pair becomes on disk what it becomes here.
    if (typeof value === 'string' && value !== '') return { key: value.toWellFormed(), field };
  }
  return undefined;
}
