import { randomBytes } from 'node:crypto';

/** The values of a kit's placeholders. */
export interface Placeholders {
  /** `{{url}}`: the base URL of the stand-in. */
  readonly url: string;
  /** `{{secret}}`: 32 hexadecimal digits, which are valid base64 too. In a log or an error, it is a leak. */
  readonly secret: string;
  /** `{{payload}}`: a text that occurs only in payloads. In a log or an error, it is a leak. */
  readonly payload: string;
  /** `{{key}}`: the event's key. */
  readonly key: string;
  /** `{{id}}`: the event's id. */
  readonly id: string;
}

/** A random secret and payload, new for each run. */
export function canaries(): Pick<Placeholders, 'secret' | 'payload'> {
  return { secret: randomBytes(16).toString('hex'), payload: `payload-${randomBytes(8).toString('hex')}` };
}

/** A copy of the template with its placeholders filled in; those without a value stay. */
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

/** Whether a template contains this placeholder. */
export function hasPlaceholder(template: unknown, name: keyof Placeholders): boolean {
  return namesIn(template).includes(name);
}

/** The unknown placeholders of a template. */
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

/** The names of all placeholders in a template. */
function namesIn(template: unknown): readonly string[] {
  return [...JSON.stringify(template ?? null).matchAll(PATTERN)].map(([, name = '']) => name);
}

const PATTERN = /\{\{\s*(\w+)\s*\}\}/g;

function isPlaceholder(name: string, placeholders: Partial<Placeholders>): name is keyof Placeholders {
  return Object.hasOwn(placeholders, name);
}
