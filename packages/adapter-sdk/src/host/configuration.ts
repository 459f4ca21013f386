import type { StandardSchemaV1 } from '@standard-schema/spec';
import { cutToLength } from '../bounded-text.ts';
import { configSchemaOf, type JsonSchema, secretsIn } from '../config-schema.ts';
import type { DefinedAdapter } from '../definition.ts';
import { MESSAGE_MAX_CHARACTERS } from '../outcome.ts';
import { nameOf } from '../outcome-of.ts';
import { quotableName } from './quotable-name.ts';
import { REDACTED, type Redactor, stringsIn } from './redactor.ts';

/** An invalid field of a configuration. */
export interface Diagnostic {
  /** Its path, such as `baseUrl` or `retries.0.delay`. Empty: the whole configuration. */
  readonly path: string;
  /** What is wrong and what is expected: at most 1,024 characters, never the value. */
  readonly message: string;
}

/** The result of a validation. */
export type Validation =
  | { readonly valid: true; readonly config: unknown }
  | { readonly valid: false; readonly diagnostics: readonly Diagnostic[] };

/** Shorter values, such as `on` or `80`, also occur in the message itself. */
const QUOTED_MIN_CHARACTERS = 4;
/** More than anybody fixes at a time. */
const DIAGNOSTICS_MAX = 100;

/** Validates a configuration with the definition's schema, and adds its secrets to the redactor. Never rejects. */
export async function validateConfiguration(
  definition: DefinedAdapter,
  config: unknown,
  redactor: Redactor,
): Promise<Validation> {
  const schema = definition.config;
  if (schema === undefined) {
    const given = typeof config === 'object' && config !== null ? Object.keys(config) : [];
    const unwanted = given
      .slice(0, DIAGNOSTICS_MAX)
      .map((name) => ({ path: quotableName(name), message: 'this adapter has no configuration; remove the field' }));
    return unwanted.length === 0 ? { valid: true, config: undefined } : { valid: false, diagnostics: unwanted };
  }
  try {
    const marked = configSchemaOf(definition);
    // Before validation: a message about an invalid secret may quote it.
    learnMarked(marked, config, redactor);
    const result = await schema['~standard'].validate(config);
    if (result.issues === undefined) {
      learnMarked(marked, result.value, redactor);
      return { valid: true, config: result.value };
    }
    const issues = result.issues.slice(0, DIAGNOSTICS_MAX);
    return { valid: false, diagnostics: issues.map((issue) => diagnosticOf(issue, config, redactor)) };
  } catch (error) {
    return {
      valid: false,
      diagnostics: [{ path: '', message: `the schema of the configuration threw ${nameOf(error)}` }],
    };
  }
}

function learnMarked(schema: JsonSchema | undefined, config: unknown, redactor: Redactor): void {
  if (schema !== undefined) for (const secret of secretsIn(schema, config)) redactor.learn(secret);
}

function diagnosticOf(issue: StandardSchemaV1.Issue, config: unknown, { redact }: Redactor): Diagnostic {
  const keys = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment));
  // An operator may have written a secret into a field that is not marked, so the value is never repeated.
  const value = valueAt(config, keys);
  const quoted = [...stringsIn(value), ...unquotableNamesIn(value)]
    .filter((text) => text.length >= QUOTED_MIN_CHARACTERS)
    .sort((a, b) => b.length - a.length);
  const message = quoted.reduce((rest, text) => rest.replaceAll(text, REDACTED), issue.message);
  return { path: keys.map(quotableName).join('.'), message: cutToLength(redact(message), MESSAGE_MAX_CHARACTERS) };
}

/** A message may quote an unknown field name, which can be any text. */
function unquotableNamesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).filter((name) => quotableName(name) !== name);
}

function valueAt(config: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    config,
  );
}
