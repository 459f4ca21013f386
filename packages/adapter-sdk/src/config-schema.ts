import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

/** The schema of a configuration: of any library that implements Standard Schema and Standard JSON Schema, such as zod 4.2. */
export type ConfigSchema<Config = unknown> = StandardSchemaV1<unknown, Config> & StandardJSONSchemaV1<unknown, Config>;

/** A JSON Schema document, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Marks a field as secret in the JSON Schema: `writeOnly` is the standard's keyword, `x-secret` is what the SDK reads. */
const SECRET_MARK = { writeOnly: true, 'x-secret': true } as const;

/** Options of zod and valibot: ignore what JSON Schema cannot describe, such as a date, instead of throwing. */
const LENIENCY = { unrepresentable: 'any', errorMode: 'ignore' };

/**
 * Marks the zod schema of a field as secret: the JSON Schema of the configuration gets `"x-secret": true` (and
 * `"writeOnly": true`) at the field. Only this mark makes a field secret. Its value stays a plain string; the host replaces
 * it with `[redacted]` in every outcome, diagnostic and log record of the adapter.
 *
 * In other libraries, add the mark as metadata: `v.pipe(v.string(), v.metadata({ 'x-secret': true }))`.
 */
export function secret<Schema extends { meta(mark: typeof SECRET_MARK): unknown }>(schema: Schema): Schema {
  if (typeof schema.meta === 'function') return schema.meta(SECRET_MARK) as Schema;
  throw new TypeError('secret() accepts only zod schemas; in other libraries, add "x-secret": true to the JSON Schema');
}

/**
 * The JSON Schema of an adapter's configuration, as an operator writes it (before defaults).
 *
 * @returns undefined when the adapter has no configuration.
 * @throws TypeError when the schema's library cannot convert it.
 */
export function configSchemaOf(definition: { readonly config?: ConfigSchema | undefined }): JsonSchema | undefined {
  const standard = definition.config?.['~standard'];
  if (standard === undefined) return undefined;
  try {
    return standard.jsonSchema.input({ target: 'draft-2020-12', libraryOptions: LENIENCY });
  } catch (cause) {
    throw new TypeError(`config: ${standard.vendor} cannot convert this schema to JSON Schema; simplify it`, { cause });
  }
}

/** One field of a configuration, as its JSON Schema describes it. */
export interface ConfigField {
  /** Such as `baseUrl`, `retries[].delay`, `headers.*`. Empty: the whole configuration. */
  readonly path: string;
  /** Its type and bounds: `string (uri)`, `"a" or "b"`, `number, at least 1`. */
  readonly type: string;
  readonly required: boolean;
  /** Undefined: none in the schema. */
  readonly default: unknown;
  readonly secret: boolean;
  /** Empty: none. */
  readonly description: string;
}

/** A schema within a schema, and its relative path. */
interface Child {
  readonly schema: JsonSchema;
  readonly path: string;
  readonly required: boolean;
}

/** Ends the traversal of a schema that refers to itself. Real configurations are not this deep. */
const DEPTH_MAX = 12;

/** Every field below a schema, including those of all alternatives, in the order of the schema. */
export function fieldsOf(root: JsonSchema): readonly ConfigField[] {
  const fields = new Map<string, ConfigField>();
  const visit = (schema: JsonSchema, path: string, depth: number) => {
    if (depth > DEPTH_MAX) return;
    for (const alternative of alternativesOf(schema, root)) {
      for (const child of childrenOf(alternative)) {
        const at = child.path.startsWith('[') || path === '' ? `${path}${child.path}` : `${path}.${child.path}`;
        const resolved = resolve(child.schema, root);
        if (!fields.has(at)) fields.set(at, fieldOf(resolved, { path: at, required: child.required, root }));
        visit(resolved, at, depth + 1);
      }
    }
  };
  visit(resolve(root, root), '', 0);
  return [...fields.values()];
}

/** The values of the secret fields of a configuration. */
export function secretsIn(root: JsonSchema, config: unknown): readonly unknown[] {
  const secrets: unknown[] = [];
  const visit = (schema: JsonSchema, value: unknown, depth: number) => {
    if (depth > DEPTH_MAX || value === undefined) return;
    for (const alternative of alternativesOf(schema, root)) {
      if (isSecret(alternative)) secrets.push(value);
      for (const child of childrenOf(alternative)) {
        for (const member of membersAt(value, child.path, alternative)) visit(child.schema, member, depth + 1);
      }
    }
  };
  visit(root, config, 0);
  return secrets;
}

function membersAt(value: unknown, path: string, schema: JsonSchema): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (path === '[]') return Array.isArray(value) ? value : [];
  if (path !== '*') return [Reflect.get(value, path.replace(/^\[(\d+)\]$/, '$1'))];
  const named = record(schema.properties) ?? {};
  return Object.entries(value).flatMap(([name, member]) => (Object.hasOwn(named, name) ? [] : [member]));
}

/** The schema and all schemas that it combines, with references resolved. */
function alternativesOf(schema: JsonSchema, root: JsonSchema, depth = 0): readonly JsonSchema[] {
  if (depth > DEPTH_MAX) return [];
  const here = resolve(schema, root);
  const parts = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => schemasIn(here[word]));
  return [here, ...parts.flatMap((part) => alternativesOf(part, root, depth + 1))];
}

function childrenOf(schema: JsonSchema): readonly Child[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const named = Object.entries(record(schema.properties) ?? {}).flatMap(([name, value]) => {
    const child = record(value);
    return child === undefined ? [] : [{ schema: child, path: name, required: required.includes(name) }];
  });
  const others = schemasIn([...Object.values(record(schema.patternProperties) ?? {}), schema.additionalProperties]);
  const items = schemasIn([schema.items]);
  return [
    ...named,
    ...others.map((child) => ({ schema: child, path: '*', required: false })),
    ...schemasIn(schema.prefixItems).map((child, index) => ({ schema: child, path: `[${index}]`, required: true })),
    ...items.map((child) => ({ schema: child, path: '[]', required: false })),
  ];
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const reference = schema.$ref;
  if (typeof reference !== 'string' || !reference.startsWith('#')) return schema;
  const names = reference.slice(1).split('/').filter(Boolean);
  const target = names.reduce<JsonSchema | undefined>(
    (at, name) => record(at?.[decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')]),
    root,
  );
  // Keywords next to a reference apply too, such as a secret mark.
  return target === undefined ? schema : { ...target, ...schema, $ref: undefined };
}

function fieldOf(
  schema: JsonSchema,
  { path, required, root }: { readonly path: string; readonly required: boolean; readonly root: JsonSchema },
): ConfigField {
  return {
    path,
    type: typeOf(schema, root),
    required: required && schema.default === undefined,
    default: schema.default,
    secret: alternativesOf(schema, root).some(isSecret),
    description: typeof schema.description === 'string' ? schema.description : '',
  };
}

function typeOf(schema: JsonSchema, root: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const alternatives = [...schemasIn(schema.anyOf), ...schemasIn(schema.oneOf)];
  if (alternatives.length > 0) {
    return [...new Set(alternatives.map((one) => typeOf(resolve(one, root), root)))].join(' or ');
  }
  const names = Array.isArray(schema.type) ? schema.type : [schema.type ?? 'any'];
  const format = typeof schema.format === 'string' ? ` (${schema.format})` : '';
  return [`${names.join(' or ')}${format}`, ...boundsOf(schema)].join(', ');
}

function boundsOf(schema: JsonSchema): readonly string[] {
  const bound = (word: string, text: (value: number) => string) => {
    const value = schema[word];
    // zod adds the range of safe integers to every integer; it is not shown.
    return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? [text(value)] : [];
  };
  return [
    ...bound('minimum', (value) => `at least ${value}`),
    ...bound('exclusiveMinimum', (value) => `more than ${value}`),
    ...bound('maximum', (value) => `at most ${value}`),
    ...bound('exclusiveMaximum', (value) => `less than ${value}`),
    ...bound('minLength', (value) => `${value} or more characters`),
    ...bound('maxLength', (value) => `${value} or fewer characters`),
  ];
}

function isSecret(schema: JsonSchema): boolean {
  return schema['x-secret'] === true;
}

function schemasIn(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.map(record).filter((member) => member !== undefined) : [];
}

function record(value: unknown): JsonSchema | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : undefined;
}
