import { toStandardJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configPageOf, configSchemaOf, defineAdapter, secret } from './index.ts';

const inZod = z.strictObject({
  baseUrl: z.url().describe('Where the lab lives'),
  token: secret(z.string().min(8)).optional(),
  mode: z.enum(['live', 'trial']).default('trial'),
  tenants: z.array(z.object({ id: z.int().min(1), key: secret(z.string().describe('Its\nkey | old')) })),
  headers: z.record(z.string(), secret(z.string())).optional(),
});

/** As with a library other than zod. */
const mark = { 'x-secret': true };

describe('the JSON Schema of a configuration', () => {
  it.each([
    ['zod', inZod],
    [
      'valibot',
      toStandardJsonSchema(
        v.strictObject({
          baseUrl: v.pipe(v.string(), v.url(), v.description('Where the lab lives')),
          token: v.optional(v.pipe(v.string(), v.minLength(8), v.metadata(mark))),
          tenants: v.array(
            v.object({ id: v.pipe(v.number(), v.integer(), v.minValue(1)), key: v.pipe(v.string(), v.metadata(mark)) }),
          ),
        }),
      ),
    ],
  ])('is what %s makes of it, with secrets marked', (_library, config) => {
    expect(configSchemaOf({ config })).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      additionalProperties: false,
      required: ['baseUrl', 'tenants'],
      properties: {
        baseUrl: { type: 'string', format: 'uri', description: 'Where the lab lives' },
        token: { type: 'string', minLength: 8, 'x-secret': true },
        tenants: {
          type: 'array',
          items: { properties: { key: { 'x-secret': true } }, required: ['id', 'key'] },
        },
      },
    });
  });

  it('ignores a part that JSON Schema cannot describe', () => {
    const config = z.object({ since: z.date(), token: secret(z.string().transform((text) => text.length)) });
    expect(configSchemaOf({ config })).toMatchObject({ properties: { token: { type: 'string', 'x-secret': true } } });
  });

  it('has writeOnly beside the mark, as the standard has it', () => {
    const config = z.object({ token: secret(z.string()) });
    expect(configSchemaOf({ config })).toMatchObject({ properties: { token: { writeOnly: true, 'x-secret': true } } });
  });

  it('is undefined for an adapter without configuration', () => {
    expect(configSchemaOf(defineAdapter({ push: () => {} }))).toBeUndefined();
  });
});

describe('the page of a configuration', () => {
  it('is a table of its fields, however deep', () => {
    expect(configPageOf({ config: inZod }, 'Configuration of lab')).toBe(
      [
        '# Configuration of lab',
        '',
        '| field | type | required | default | secret | description |',
        '| --- | --- | --- | --- | --- | --- |',
        '| `baseUrl` | string (uri) | yes |  |  | Where the lab lives |',
        '| `token` | string, 8 or more characters |  |  | yes |  |',
        '| `mode` | "live" or "trial" |  | `"trial"` |  |  |',
        '| `tenants` | array | yes |  |  |  |',
        '| `tenants[].id` | integer, at least 1 | yes |  |  |  |',
        '| `tenants[].key` | string | yes |  | yes | Its key \\| old |',
        '| `headers` | object |  |  |  |  |',
        '| `headers.*` | string |  |  | yes |  |',
        '',
        'Any other field is rejected.',
        '',
      ].join('\n'),
    );
  });

  it('does not show the default of a secret', () => {
    const page = configPageOf({ config: z.object({ token: secret(z.string()).default('hunter2') }) });
    expect(page).toContain('`token`');
    expect(page).not.toContain('hunter2');
  });

  it('shows the fields of every alternative, and ends for a schema within itself', () => {
    const node: z.ZodType = z.object({
      kind: z.literal('tree'),
      get child() {
        return node.optional();
      },
    });
    const config = z.object({ auth: z.union([z.object({ kind: z.literal('none') }), node]) });
    const page = configPageOf({ config });
    expect(page).toContain('| `auth` | object |');
    expect(page).toMatch(/`auth\.child\.kind`/);
  });

  it('reports when there is nothing to configure', () => {
    expect(configPageOf(defineAdapter({ push: () => {} }))).toContain('has no configuration');
  });
});
