import type { Json } from '../canonical-json.ts';

/** Why bytes are not JSON that can be carried: a description of the bytes that quotes nothing of them. */
export class JsonDataError extends Error {
  override readonly name = 'JsonDataError';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Where the engine found something wrong. Other messages of it quote the text, and end otherwise. */
const POSITION = / at position (\d+) \(line \d+ column \d+\)$/;
/** Far more than data has, far less than writing it again by recursion can bear. */
const NESTING_MAX = 256;

/**
 * Reads JSON in UTF-8.
 *
 * @throws {JsonDataError}
 */
export function parseJson(bytes: Uint8Array): Json {
  return parseText(decode(bytes));
}

/**
 * Reads JSON that will be written again. A whole number that would then be another is refused: it may be a patient's.
 * JavaScript itself writes none of these.
 *
 * @throws {JsonDataError}
 */
export function parseExactJson(bytes: Uint8Array): Json {
  const text = decode(bytes);
  const value = parseText(text);
  let holdsLargeNumber = false;
  // Level by level and not by recursion: the nesting is the sender's choice.
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > NESTING_MAX) throw new JsonDataError(`is nested deeper than ${NESTING_MAX} levels`);
    holdsLargeNumber ||= level.some((member) => Number.isInteger(member) && !Number.isSafeInteger(member));
    level = level.flatMap(membersOf);
  }
  if (holdsLargeNumber) JSON.parse(text, refuseRounded);
  return value;
}

/** Looks at a number as it was written; in exponent notation it was meant to be rounded. */
function refuseRounded(_name: string, value: unknown, written?: { readonly source?: string }): unknown {
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value) && written?.source !== String(value);
  if (isRounded && /^-?\d+$/.test(written?.source ?? '')) {
    throw new JsonDataError('holds a whole number past 2^53 that readers of JSON round; send it as a string');
  }
  return value;
}

function membersOf(value: Json): readonly Json[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new JsonDataError('is not JSON: it is not UTF-8');
  }
}

function parseText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new JsonDataError(`is not JSON${whereBroken(text, error)}`);
  }
}

function whereBroken(text: string, error: unknown): string {
  if (text.trim() === '') return ': it is empty';
  const position = error instanceof SyntaxError ? POSITION.exec(error.message)?.[1] : undefined;
  return position === undefined ? '' : `: unexpected at position ${position}`;
}
