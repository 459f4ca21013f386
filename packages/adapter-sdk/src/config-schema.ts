import type { StandardSchemaV1 } from '@standard-schema/spec';

/** A JSON Schema document, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a secret field carries in the JSON Schema: the first by the standard, the second because that alone is sure. */
export const SECRET_MARK = { writeOnly: true, 'x-secret': true } as const;

/**
 * What libraries need to be told so that a refinement or a date, which JSON Schema cannot say, leaves the rest of the
 * document as it is instead of refusing all of it.
 */
const leniency: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  zod: { unrepresentable: 'any' },
  arktype: { fallback: (context: { readonly base: unknown }) => context.base },
};

/** What to do with a library that makes no JSON Schema by itself. */
const advice: Readonly<Record<string, string>> = {
  valibot: 'write config: toStandardJsonSchema(v.strictObject({ ... })), by @valibot/to-json-schema 1.8 or newer',
  zod: 'use zod instead of zod/mini, 4.2 or newer',
  arktype: 'use arktype 2.1.28 or newer',
};

/**
 * The JSON Schema of the configuration that an adapter takes: what an operator writes, before defaults. Fields marked by
 * `secret()` have `"writeOnly": true` and `"x-secret": true`.
 *
 * @returns undefined when the adapter takes no configuration.
 * @throws TypeError that says what to do when the schema's library makes no JSON Schema.
 */
export function configSchemaOf(definition: { readonly config?: StandardSchemaV1 | undefined }): JsonSchema | undefined {
  const { config } = definition;
  if (config === undefined) return undefined;
  const { vendor } = config['~standard'];
  const input = inputConverter(config['~standard']);
  if (input === undefined) {
    throw new TypeError(
      `config: this schema of ${vendor} makes no JSON Schema; ` +
        (advice[vendor] ??
          'use a library that implements Standard JSON Schema (https://standardschema.dev/json-schema)'),
    );
  }
  try {
    return input({ target: 'draft-2020-12', libraryOptions: leniency[vendor] });
  } catch (cause) {
    throw new TypeError(`config: ${vendor} cannot say this schema as JSON Schema; make it simpler`, { cause });
  }
}

type Convert = (options: { readonly target: string; readonly libraryOptions: unknown }) => JsonSchema;

function inputConverter(standard: object): Convert | undefined {
  const converter: unknown = Reflect.get(standard, 'jsonSchema');
  if (typeof converter !== 'object' || converter === null) return undefined;
  const input: unknown = Reflect.get(converter, 'input');
  return typeof input === 'function' ? (options) => Reflect.apply(input, converter, [options]) : undefined;
}
