import { AsyncLocalStorage } from 'node:async_hooks';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SECRET_MARK } from './config-schema.ts';

type OnSecret = (value: unknown) => void;

/**
 * Who is told of secret values, while a configuration is being validated. It hangs on globalThis under `Symbol.for`
 * because the adapter and its host may each have their own copy of the SDK.
 */
const recorderKey = Symbol.for('@hms-sync/adapter-sdk/secret-recorder');

/**
 * Marks a field of the configuration as secret: its value stays the plain string that the schema gives out, and the
 * host replaces it by `[redacted]` in every outcome, diagnostic and log record of the adapter. The JSON Schema of the
 * configuration has `"writeOnly": true` and `"x-secret": true` at the field.
 *
 * Give it the outermost schema of the field, `.optional()` and the like around it. However deep the field lies:
 *
 * | library | is watched through |
 * |---|---|
 * | zod 4 | a check and its metadata; `zod/mini` a check |
 * | valibot | the schema's run, and metadata in its pipe |
 * | arktype | its metadata, found again in the JSON Schema |
 * | any other | the Standard Schema interface: a field that its library validates in another way is not seen |
 */
export function secret<Schema extends StandardSchemaV1>(schema: Schema): Schema {
  switch (schema['~standard'].vendor) {
    case 'zod':
      return hasMethod(schema, 'check') ? secretOfZod(schema) : watched(schema);
    case 'valibot':
      return hasMethod(schema, '~run') ? secretOfValibot(schema) : watched(schema);
    case 'arktype':
      return hasMethod(schema, 'configure') ? (schema.configure(SECRET_MARK) as Schema) : watched(schema);
    default:
      return watched(schema);
  }
}

/** Runs a validation and hands every value that a {@link secret} schema sees to `onSecret`. */
export function recordingSecrets<Result>(onSecret: OnSecret, validate: () => Result): Result {
  return recorder().run(onSecret, validate);
}

function record(value: unknown): void {
  recorder().getStore()?.(value);
}

function recorder(): AsyncLocalStorage<OnSecret> {
  const shared = globalThis as typeof globalThis & { [recorderKey]?: AsyncLocalStorage<OnSecret> };
  shared[recorderKey] ??= new AsyncLocalStorage<OnSecret>();
  return shared[recorderKey];
}

type With<Name extends string> = Readonly<Record<Name, (...args: readonly unknown[]) => unknown>>;

function hasMethod<Schema extends StandardSchemaV1, Name extends string>(
  schema: Schema,
  name: Name,
): schema is Schema & With<Name> {
  return typeof Reflect.get(schema, name) === 'function';
}

/** A check stays with the schema when it is refined or extended further, which a wrapper would not. */
function secretOfZod<Schema extends StandardSchemaV1>(schema: Schema & With<'check'>): Schema {
  const checked = schema.check((payload: { readonly value: unknown }) => record(payload.value)) as Schema;
  // zod/mini has no such method, and no JSON Schema of its own either.
  return hasMethod(checked, 'meta') ? (checked.meta(SECRET_MARK) as Schema) : checked;
}

/** What valibot's `pipe(schema, metadata(mark))` gives, made by hand so that valibot is no dependency, and watched. */
function secretOfValibot<Schema extends StandardSchemaV1>(schema: Schema & With<'~run'>): Schema {
  const pipe: unknown = Reflect.get(schema, 'pipe');
  const mark = { kind: 'metadata', type: 'metadata', reference: secret, metadata: SECRET_MARK };
  const run = (dataset: { readonly value: unknown }, ...rest: readonly unknown[]) => {
    record(dataset.value);
    const ran = schema['~run'](dataset, ...rest);
    return ran instanceof Promise ? ran.then(recordRun) : recordRun(ran);
  };
  return {
    ...schema,
    pipe: [...(Array.isArray(pipe) ? pipe : [schema]), mark],
    '~run': run,
    '~standard': watchedStandard(schema),
  };
}

function recordRun(dataset: unknown): unknown {
  if (typeof dataset === 'object' && dataset !== null) record(Reflect.get(dataset, 'value'));
  return dataset;
}

function watched<Schema extends StandardSchemaV1>(schema: Schema): Schema {
  // A child object instead of a proxy, because a frozen schema forbids a proxy to answer otherwise.
  return Object.create(schema, { '~standard': { value: watchedStandard(schema), enumerable: true } });
}

function watchedStandard(schema: StandardSchemaV1): StandardSchemaV1.Props {
  const standard = schema['~standard'];
  const validate = (value: unknown, options?: StandardSchemaV1.Options) => {
    // The input too: a value that is refused is secret all the same, and the refusal may quote it.
    record(value);
    const result = standard.validate(value, options);
    if (result instanceof Promise) return result.then(recordOutput);
    return recordOutput(result);
  };
  return { ...standard, validate };
}

function recordOutput<Output>(result: StandardSchemaV1.Result<Output>): StandardSchemaV1.Result<Output> {
  if (result.issues === undefined) record(result.value);
  return result;
}
