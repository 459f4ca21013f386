/** How deep objects and lists may lie in each other, in a payload and in an adapter's configuration. */
export const NESTING_MAX = 64;

/** Why bytes or a text are no JSON that is read: a description that follows their name and quotes nothing of them. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly code: 'not_text' | 'not_json' | 'too_deep' | 'too_many' | 'inexact' | 'repeated';
  /** Where in the document, as names and places with dots between; empty for the document itself. */
  readonly path: string;

  constructor(code: JsonError['code'], message: string, path = '') {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** What is read of a document. */
export interface JsonBounds {
  /** Default: {@link NESTING_MAX}. */
  readonly nestingMax?: number;
  /** How many values it may hold, objects and lists among them. Default: any number. */
  readonly valuesMax?: number;
}

/** What to do about a number that would change. */
export const INEXACT = 'is a number that a double cannot hold, and would arrive as another; send it as a string';

export function tooDeep(nestingMax: number, path: string): JsonError {
  return new JsonError('too_deep', `is nested deeper than ${nestingMax} levels; flatten it`, path);
}

/** Names that are the sender's: what may not be shown is a question mark, and a long path is cut. */
export function pathText(path: readonly string[]): string {
  const shown = path.slice(0, 8).map((name) => (/^[\w$-]{1,64}$/.test(name) ? name : '?'));
  return [...shown, ...(path.length > 8 ? ['...'] : [])].join('.');
}
