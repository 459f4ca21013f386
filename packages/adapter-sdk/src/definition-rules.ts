import { type ConfigSchema, configSchemaOf } from './config-schema.ts';
import { DELIVERY_BOUNDS } from './delivery.ts';
import { peek } from './outcome-of.ts';

const PARTS = ['accepts', 'config', 'delivery', 'open', 'check', 'push', 'pushBatch', 'close'];
const FUNCTIONS = ['open', 'check', 'push', 'pushBatch', 'close'];

/** Rejects an invalid definition, for authors who use JavaScript. @throws TypeError */
export function assertDefinition(definition: unknown): void {
  const fields = record(definition, '');
  for (const name of Object.keys(fields)) {
    if (!PARTS.includes(name)) refuse(name, `is not a part of an adapter; the parts are ${PARTS.join(', ')}`);
  }
  for (const name of FUNCTIONS) {
    if (fields[name] !== undefined && typeof fields[name] !== 'function') refuse(name, 'must be a function');
  }
  if (fields.push === undefined && fields.pushBatch === undefined) {
    refuse('push', 'is missing; an adapter needs push(event, context) or pushBatch(events, contexts)');
  }
  assertAccepts(fields.accepts);
  assertSchema(fields.config);
  assertDelivery(fields.delivery);
}

function assertAccepts(accepts: unknown): void {
  if (accepts === undefined) return;
  if (!Array.isArray(accepts) || accepts.length === 0) {
    refuse('accepts', 'must be a list of at least one event type; leave it out to accept all');
  }
  for (const [index, type] of accepts.entries()) {
    if (typeof type !== 'string' || type === '') refuse(`accepts.${index}`, 'must be the name of an event type');
  }
}

function assertSchema(schema: unknown): void {
  if (schema === undefined) return;
  const standard = peek(schema, '~standard');
  if (typeof peek(standard, 'validate') !== 'function') {
    refuse('config', 'must be a Standard Schema (https://standardschema.dev), such as z.object({ ... }) of zod');
  }
  // It says which fields are secret.
  if (typeof peek(peek(standard, 'jsonSchema'), 'input') !== 'function') {
    const what = 'must also convert to JSON Schema (https://standardschema.dev/json-schema), as zod 4.2 does';
    refuse('config', `${what}, and valibot with toStandardJsonSchema() of @valibot/to-json-schema`);
  }
  configSchemaOf({ config: schema as ConfigSchema });
}

function assertDelivery(delivery: unknown): void {
  if (delivery === undefined) return;
  const fields = record(delivery, 'delivery');
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(DELIVERY_BOUNDS, name))
      refuse(`delivery.${name}`, 'is unknown; known are concurrency and timeoutMs');
  }
  for (const name of ['concurrency', 'timeoutMs'] as const) {
    const value = fields[name];
    const { min, max } = DELIVERY_BOUNDS[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      refuse(`delivery.${name}`, `must be a whole number from ${min} to ${max}`);
    }
  }
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(path, 'must be an object');
  return value as Readonly<Record<string, unknown>>;
}

function refuse(path: string, what: string): never {
  throw new TypeError(`defineAdapter: ${path === '' ? 'the definition' : path} ${what}`);
}
