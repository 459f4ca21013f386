import { randomBytes } from 'node:crypto';

/** What the placeholders of a kit stand for. */
export interface Placeholders {
  /** `{{url}}`: the base URL of the stand-in. */
  readonly url: string;
  /** `{{secret}}`: 32 letters and digits, which are base64 too. Found in a log or an error, it is a leak. */
  readonly secret: string;
  /** `{{payload}}`: a text that only a payload holds. Found in a log or an error, it is a leak. */
  readonly payload: string;
  /** `{{key}}`: the event's key. */
  readonly key: string;
  /** `{{id}}`: the event's id. */
  readonly id: string;
}

/** A secret and a payload that nobody writes by chance: new for each run. */
export function canaries(): Pick<Placeholders, 'secret' | 'payload'> {
  return { secret: randomBytes(16).toString('hex'), payload: `payload-${randomBytes(8).toString('hex')}` };
}

/** The same value with the placeholders in its texts filled in, wherever there is something to fill in. */
export function filled(template: unknown, placeholders: Partial<Placeholders>): unknown {
  if (typeof template === 'string') {
    return template.replaceAll(PATTERN, (whole, name: string) =>
      isPlaceholder(name, placeholders) ? (placeholders[name] ?? whole) : whole,
    );
  }
  if (Array.isArray(template)) return template.map((member) => filled(member, placeholders));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([name, member]) => [name, filled(member, placeholders)]));
}

/** Whether a template has a placeholder of this name somewhere. */
export function hasPlaceholder(template: unknown, name: keyof Placeholders): boolean {
  return namesIn(template).includes(name);
}

/** The names between braces that stand for nothing. */
export function unknownPlaceholders(template: unknown): readonly string[] {
  const names: Readonly<Record<keyof Placeholders, true>> = {
    url: true,
    secret: true,
    payload: true,
    key: true,
    id: true,
  };
  return namesIn(template).filter((name) => !Object.hasOwn(names, name));
}

/** What stands between braces anywhere in the template. */
function namesIn(template: unknown): readonly string[] {
  return [...JSON.stringify(template ?? null).matchAll(PATTERN)].map(([, name = '']) => name);
}

const PATTERN = /\{\{\s*(\w+)\s*\}\}/g;

function isPlaceholder(name: string, placeholders: Partial<Placeholders>): name is keyof Placeholders {
  return Object.hasOwn(placeholders, name);
}
