import { type JsonBounds, JsonError, NESTING_MAX, pathText, tooDeep } from './json-error.ts';
import { isExactNumber } from './json-number.ts';

type Span = readonly [from: number, to: number];

interface Level {
  readonly isObject: boolean;
  /** The name of the member that is being read. */
  name: Span;
  /** The names that an object had so far, without their escapes; made for the first one. */
  names: Set<string> | undefined;
  /** The place of the item that is being read. */
  index: number;
  expectsName: boolean;
}

const NUMBER_OR_WORD = /[-+.\w]+/y;

/**
 * Goes over a text once, without making anything of it and without recursion: both are the sender's choice. Whether it is
 * JSON is for JSON.parse to say; what is found here counts when it is.
 */
export function scanJson(text: string, { nestingMax = NESTING_MAX, valuesMax = Number.POSITIVE_INFINITY }: JsonBounds) {
  const open: Level[] = [];
  const members: { readonly name: Span; readonly value: Span }[] = [];
  let inexactAt: string | undefined;
  let values = 0;
  let begunAt = 0;
  const begin = (at: number) => {
    values += 1;
    if (values > valuesMax) {
      throw new JsonError('too_many', `holds more than ${valuesMax} values; split it`, pathOf(open, text));
    }
    if (open.length === 1) begunAt = at;
  };
  const end = (at: number) => {
    const [outermost] = open;
    if (open.length === 1 && outermost?.isObject) members.push({ name: outermost.name, value: [begunAt, at] });
  };
  for (let at = 0; at < text.length; ) {
    const level = open[open.length - 1];
    const character = text[at];
    if (character === '"') {
      const after = endOfString(text, at);
      if (level?.expectsName) {
        level.name = [at, after];
        level.names ??= new Set();
        const name = plainName(text, at, after);
        if (level.names.has(name)) {
          throw new JsonError('repeated', 'is named twice in one object; name it once', pathOf(open, text));
        }
        level.names.add(name);
      } else {
        begin(at);
        end(after);
      }
      at = after;
    } else if (character === '{' || character === '[') {
      begin(at);
      if (open.length >= nestingMax) throw tooDeep(nestingMax, pathOf(open, text));
      const isObject = character === '{';
      open.push({ isObject, name: [at, at], names: undefined, index: 0, expectsName: isObject });
      at += 1;
    } else if (character === '}' || character === ']') {
      open.pop();
      at += 1;
      end(at);
    } else if (character === ',') {
      if (level !== undefined) {
        level.index += 1;
        level.expectsName = level.isObject;
      }
      at += 1;
    } else if (character === ':') {
      if (level !== undefined) level.expectsName = false;
      at += 1;
    } else {
      NUMBER_OR_WORD.lastIndex = at;
      const word = NUMBER_OR_WORD.exec(text)?.[0];
      if (word === undefined) {
        at += 1;
        continue;
      }
      begin(at);
      const isNumber = /^[-\d]/.test(word);
      if (isNumber && inexactAt === undefined && !isExactNumber(word)) inexactAt = pathOf(open, text);
      at += word.length;
      end(at);
    }
  }
  return { members, inexactAt };
}

/** After the closing quote; the end of the text when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (quote - 1 - backslashes > from && text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** A name without its escapes: two spellings of one name are one name. What is no string is for JSON.parse to refuse. */
function plainName(text: string, from: number, to: number): string {
  const quoted = text.slice(from, to);
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function pathOf(open: readonly Level[], text: string): string {
  return pathText(open.map(({ isObject, name, index }) => (isObject ? nameIn(text.slice(...name)) : String(index))));
}

function nameIn(quoted: string): string {
  try {
    return String(JSON.parse(quoted.length > 512 ? '""' : quoted));
  } catch {
    return '';
  }
}
