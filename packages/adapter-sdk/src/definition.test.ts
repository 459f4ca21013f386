import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import * as zm from 'zod/mini';
import { defineAdapter, isAdapterDefinition, Permanent } from './index.ts';

const push = () => 'receipt';

/** As plain JavaScript calls it, without types. */
const define = (definition: unknown) => Reflect.apply(defineAdapter, undefined, [definition]);

describe('defineAdapter', () => {
  it('returns a frozen definition that is known as one, by any copy of the SDK', () => {
    const definition = defineAdapter({ accepts: ['ProcessUpdated'], delivery: { concurrency: 2 }, push });
    expect(isAdapterDefinition(definition)).toBe(true);
    expect(Object.isFrozen(definition)).toBe(true);
    expect(Object.isFrozen(definition.accepts)).toBe(true);
    expect(isAdapterDefinition({ push, [Symbol.for('@hms-sync/adapter-sdk/definition')]: true })).toBe(true);
  });

  it.each([null, undefined, 1, 'x', {}, { push }, () => 1])('does not take %s for a definition', (value) => {
    expect(isAdapterDefinition(value)).toBe(false);
  });

  it('rejects a hostile value', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(isAdapterDefinition(proxy)).toBe(false);
  });

  it.each([
    ['the definition', null],
    ['the definition', []],
    ['push', {}],
    ['push', { push: 'later' }],
    ['pushbatch', { push, pushbatch: push }],
    ['open', { push, open: {} }],
    ['accepts', { push, accepts: [] }],
    ['accepts', { push, accepts: 'ProcessUpdated' }],
    ['accepts.1', { push, accepts: ['ProcessUpdated', ''] }],
    ['config', { push, config: { baseUrl: 'string' } }],
    ['config', { push, config: null }],
    ['config', { push, config: v.object({}) }],
    ['config', { push, config: zm.object({}) }],
    ['delivery', { push, delivery: 8 }],
    ['delivery.concurrency', { push, delivery: { concurrency: 0 } }],
    ['delivery.concurrency', { push, delivery: { concurrency: 1025 } }],
    ['delivery.timeoutMs', { push, delivery: { timeoutMs: 600_001 } }],
    ['delivery.timeoutMs', { push, delivery: { timeoutMs: 1.5 } }],
    ['delivery.timeout', { push, delivery: { timeout: 5 } }],
  ])('rejects a wrong definition by the path %s', (path, definition) => {
    expect(() => define(definition)).toThrow(new RegExp(`^defineAdapter: ${path.replace('.', '\\.')} `));
  });

  it('rejects a schema that cannot be converted to JSON Schema, because its secrets would not be known', () => {
    const input = () => {
      throw new Error('a date');
    };
    const config = {
      '~standard': { version: 1, vendor: 'own', validate: () => ({ value: 1 }), jsonSchema: { input } },
    };
    expect(() => define({ push, config })).toThrow(/^config: own cannot convert this schema to JSON Schema/);
  });

  it('accepts pushBatch instead of push', () => {
    expect(isAdapterDefinition(define({ pushBatch: () => [] }))).toBe(true);
  });

  it('lets TypeScript infer the configuration and the resource', () => {
    defineAdapter({
      config: z.object({ port: z.coerce.number() }),
      open: async ({ config }) => {
        expectTypeOf(config).toEqualTypeOf<{ port: number }>();
        return { twice: config.port * 2 };
      },
      push: async (_event, { resource }) => {
        expectTypeOf(resource).toEqualTypeOf<{ twice: number }>();
      },
    });
    defineAdapter({
      push: (_event, { resource }) => {
        expectTypeOf(resource).toEqualTypeOf<undefined>();
      },
    });
  });
});

it('lets TypeScript reject a push that returns anything but a string or nothing', () => {
  // @ts-expect-error: an answer is no receipt, whatever its status
  defineAdapter({ push: () => new Response() });
  // @ts-expect-error: an error is thrown, not returned
  defineAdapter({ push: async () => new Permanent('no') });
  // @ts-expect-error: false is no outcome
  defineAdapter({ push: async () => false });
  // @ts-expect-error: null is no outcome
  defineAdapter({ push: () => null });
  expect(isAdapterDefinition(defineAdapter({ push: async () => 'receipt' }))).toBe(true);
});
