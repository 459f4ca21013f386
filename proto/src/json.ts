/**
 * How JSON is read wherever HMS-Sync reads some: by the hub, the adapters' SDK and the command. One reader, so that what
 * one of them takes, all of them take:
 *
 * - UTF-8 without a byte order mark, as RFC 8259 has it.
 * - At most {@link NESTING_MAX} levels: the strictest of the usual parsers (.NET's) reads no more by default.
 * - No object names a member twice: RFC 8259 leaves it open which one counts, so two systems might read two values.
 * - A number is its decimal value. Where it has to become a double, one whose value would be another is refused.
 */

import { INEXACT, type JsonBounds, JsonError, NESTING_MAX, pathText, tooDeep } from './json-error.ts';
import { canonicalNumber, isExactNumber } from './json-number.ts';
import { scanJson } from './json-scan.ts';

export { isJsonContentType } from './json-content-type.ts';
export { INEXACT, type JsonBounds, JsonError, NESTING_MAX } from './json-error.ts';
export { canonicalNumber, isExactNumber } from './json-number.ts';

/** A value of JSON. */
export type Json = null | boolean | number | ExactNumber | string | readonly Json[] | { readonly [name: string]: Json };

/** A number that no double holds, as JavaScript's JSON.rawJSON makes it: `rawJSON` is its canonical text. */
export interface ExactNumber {
  readonly rawJSON: string;
}

/** A document of JSON: what it says, and how it was written. */
export interface JsonDocument {
  /** Every number is a double when a double holds it, and an {@link ExactNumber} otherwise. */
  readonly value: Json;
  /** Where the first number stands that no double holds; undefined when there is none. */
  readonly inexactAt: string | undefined;
  /** A member of the outermost object as it was written; undefined when it has none of this name. */
  sourceOf(name: string): string | undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const BYTE_ORDER_MARK = '\ufeff';
/** Where the engine found something wrong. Other messages of it quote the text, and end otherwise. */
const POSITION = / at position (\d+) \(line \d+ column \d+\)$/;

/**
 * Bytes as text. U+FFFD never stands in for what was meant.
 *
 * @throws {JsonError} not_text, with the place of the first wrong byte
 */
export function readUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new JsonError('not_text', `is not UTF-8 at byte offset ${firstWrongByte(bytes)}; write it in UTF-8`);
  }
  if (text.startsWith(BYTE_ORDER_MARK)) {
    throw new JsonError('not_text', 'begins with a byte order mark (BOM); leave it out');
  }
  return text;
}

/**
 * Reads a document. Its bounds are looked at before anything is made of it.
 *
 * @throws {JsonError}
 */
export function readJson(json: Uint8Array | string, bounds: JsonBounds = {}): JsonDocument {
  const text = typeof json === 'string' ? withoutMark(json) : readUtf8(json);
  const { members, inexactAt } = scanJson(text, bounds);
  const value = parse(text, inexactAt === undefined ? undefined : exactly);
  return {
    value,
    inexactAt,
    sourceOf(name) {
      const member = members.find((candidate) => JSON.parse(text.slice(...candidate.name)) === name);
      return member && text.slice(...member.value);
    },
  };
}

/**
 * Whether bytes are a document that is read, for those who carry them as they are.
 *
 * @throws {JsonError}
 */
export function checkJson(bytes: Uint8Array): void {
  const text = readUtf8(bytes);
  scanJson(text, {});
  parse(text);
}

/**
 * Reads a document for those who have nothing but doubles.
 *
 * @throws {JsonError} also inexact, where a number would become another
 */
export function readJsonAsDoubles(json: Uint8Array | string, bounds: JsonBounds = {}): Json {
  const { value, inexactAt } = readJson(json, bounds);
  if (inexactAt !== undefined) throw new JsonError('inexact', INEXACT, inexactAt);
  return value;
}

/** A value is a number, whether a double holds it or not. */
export function isNumber(value: Json | undefined): value is number | ExactNumber {
  return typeof value === 'number' || isExact(value);
}

/** A number as text, by its decimal value. */
export function numberText(value: number | ExactNumber): string {
  return typeof value === 'number' ? String(value) : value.rawJSON;
}

export function isJsonObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExact(value);
}

/**
 * JSON with sorted member names and numbers by their value, so that the same content gives the same bytes however it was
 * written (a protobuf map has no order), and a repeated publish is recognised.
 *
 * @throws {JsonError} too_deep; inexact for a number that JSON does not know
 */
export function canonicalJson(value: Json): string {
  return write(value, []);
}

/** @param path where the value lies, one array for all of a document */
function write(value: Json, path: string[]): string {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new JsonError('inexact', 'is no finite number; send it as a string', pathText(path));
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isExact(value)) return value.rawJSON;
  if (path.length >= NESTING_MAX) throw tooDeep(NESTING_MAX, pathText(path));
  const within = (name: string, member: Json) => {
    path.push(name);
    const text = write(member, path);
    path.pop();
    return text;
  };
  if (Array.isArray(value)) return `[${value.map((item, index) => within(String(index), item)).join(',')}]`;
  const object = value as { readonly [name: string]: Json };
  const members = Object.keys(object).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${within(name, object[name] ?? null)}`).join(',')}}`;
}

interface RawJson {
  isRawJSON(value: unknown): value is ExactNumber;
  rawJSON(text: string): ExactNumber;
}
// TypeScript does not know them yet.
const { isRawJSON: isExact, rawJSON } = JSON as unknown as RawJson;

function exactly(_name: string, value: Json, { source }: { source?: string } = {}): Json {
  if (typeof value !== 'number' || source === undefined || isExactNumber(source)) return value;
  return rawJSON(canonicalNumber(source));
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? readUtf8(new TextEncoder().encode(text)) : text;
}

function parse(text: string, reviver?: typeof exactly): Json {
  try {
    return JSON.parse(text, reviver) as Json;
  } catch (error) {
    if (text.trim() === '') throw new JsonError('not_json', 'is not JSON: it is empty');
    const position = error instanceof SyntaxError ? POSITION.exec(error.message)?.[1] : undefined;
    throw new JsonError(
      'not_json',
      `is not JSON${position === undefined ? '' : `: unexpected character or end at position ${position}`}`,
    );
  }
}

/** Each wrong sequence was decoded to U+FFFD, so this is where the text written again first differs. */
function firstWrongByte(bytes: Uint8Array): number {
  const again = new TextEncoder().encode(lossyUtf8.decode(bytes));
  const differs = again.findIndex((byte, index) => byte !== bytes[index]);
  const isReplacement = (at: number) => again[at] === 0xef && again[at + 1] === 0xbf && again[at + 2] === 0xbd;
  return [differs, differs - 1, differs - 2].find(isReplacement) ?? differs;
}
