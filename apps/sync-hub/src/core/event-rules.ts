import type { SyncEvent } from './event.ts';

/** One thing that is wrong with an event. */
export interface FieldProblem {
  /** The field's name as in the contract, such as "key" or "attributes". */
  readonly field: string;
  /** What is wrong and what would be right. Never the value. */
  readonly description: string;
}

const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const ATTRIBUTE_NAME = /^[a-z0-9_-]{1,64}$/;

const ID_MAX = 128;
const SOURCE_MAX = 256;
const TYPE_MAX = 128;
const KEY_MAX = 256;
const CONTENT_TYPE_MAX = 128;
const ATTRIBUTES_MAX = 32;
const ATTRIBUTE_VALUE_MAX = 1_024;
/** 9999-12-31T23:59:59.999Z, where RFC 3339 and google.protobuf.Timestamp end. */
const TIME_MAX_MS = 253_402_300_799_999;

/** Checks an event against the bounds of the contract (hms/sync/v1/event.proto), except for its size. */
export function checkEvent(event: SyncEvent): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const add = (field: string, description: string) => problems.push({ field, description });

  if (event.id.length > ID_MAX || !VISIBLE_ASCII.test(event.id)) {
    add('id', `must be 1 to ${ID_MAX} visible ASCII characters, or empty for one made by the hub`);
  }
  if (event.type === '') add('type', 'is required: name the kind of change, such as ProcessUpdated');
  else if (isUnfit(event.type, TYPE_MAX)) add('type', bounds(TYPE_MAX));
  if (isUnfit(event.source, SOURCE_MAX)) add('source', bounds(SOURCE_MAX));
  if (isUnfit(event.key, KEY_MAX)) add('key', bounds(KEY_MAX));
  if (isUnfit(event.dataContentType, CONTENT_TYPE_MAX)) add('data_content_type', bounds(CONTENT_TYPE_MAX));
  if (!(event.timeMs >= 0 && event.timeMs <= TIME_MAX_MS)) add('time', 'must be from the year 1970 to the year 9999');

  const attributes = Object.entries(event.attributes);
  if (attributes.length > ATTRIBUTES_MAX) add('attributes', `must be at most ${ATTRIBUTES_MAX}`);
  if (attributes.some(([name]) => !ATTRIBUTE_NAME.test(name))) {
    add('attributes', 'names must be 1 to 64 characters of a-z, 0-9, - and _');
  }
  if (attributes.some(([, value]) => isUnfit(value, ATTRIBUTE_VALUE_MAX))) {
    add('attributes', `values ${bounds(ATTRIBUTE_VALUE_MAX)}`);
  }
  return problems;
}

function isUnfit(text: string, maxCharacters: number): boolean {
  // Half a surrogate pair has no UTF-8 form: it would come back from the disk as another character.
  return text.length > maxCharacters || CONTROL.test(text) || !text.isWellFormed();
}

function bounds(maxCharacters: number): string {
  return `must be at most ${maxCharacters} characters without control characters and lone surrogates`;
}
