import { AsyncLocalStorage } from 'node:async_hooks';
import type { StandardSchemaV1 } from '@standard-schema/spec';

type OnSecret = (value: unknown) => void;

/**
 * Who is told of secret values, while a configuration is being validated. It hangs on globalThis under `Symbol.for`
 * because the adapter and its host may each have their own copy of the SDK.
 */
const recorderKey = Symbol.for('@hms-sync/adapter-sdk/secret-recorder');

/** Libraries whose schemas run nested schemas by ways of their own, so that a wrapper around one would see nothing. */
const unwatchable = ['valibot', 'arktype'];

/**
 * Marks a field of the configuration as secret: its value stays the plain string that the schema gives out, and the
 * host replaces it by `[redacted]` in every outcome, diagnostic and log record of the adapter.
 *
 * Works inside zod schemas (4 and its mini, however deep, with `.optional()` and the like around it) and for schemas
 * that validate through the Standard Schema interface. Give it the outermost schema of the field.
 *
 * @throws TypeError for a library that it cannot watch: a secret that is not taken out would be worse.
 */
export function secret<Schema extends StandardSchemaV1>(schema: Schema): Schema {
  const { vendor } = schema['~standard'];
  if (unwatchable.includes(vendor)) {
    throw new TypeError(`secret: schemas of ${vendor} cannot be watched; declare the configuration with zod`);
  }
  if (vendor === 'zod' && hasCheck(schema)) return schema.check((payload) => record(payload.value));
  return watched(schema);
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

interface Checkable<Schema> {
  // A check stays with the schema when it is refined or extended further, which a wrapper would not.
  check(check: (payload: { readonly value: unknown }) => void): Schema;
}

function hasCheck<Schema extends StandardSchemaV1>(schema: Schema): schema is Schema & Checkable<Schema> {
  return typeof Reflect.get(schema, 'check') === 'function';
}

function watched<Schema extends StandardSchemaV1>(schema: Schema): Schema {
  const standard = schema['~standard'];
  const validate = (value: unknown, options?: StandardSchemaV1.Options) => {
    // The input too: a value that is refused is secret all the same, and the refusal may quote it.
    record(value);
    const result = standard.validate(value, options);
    if (result instanceof Promise) return result.then(recordOutput);
    return recordOutput(result);
  };
  // A child object instead of a proxy, because a frozen schema forbids a proxy to answer otherwise.
  return Object.create(schema, { '~standard': { value: { ...standard, validate }, enumerable: true } });
}

function recordOutput<Output>(result: StandardSchemaV1.Result<Output>): StandardSchemaV1.Result<Output> {
  if (result.issues === undefined) record(result.value);
  return result;
}
