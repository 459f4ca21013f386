import { expect, it } from 'vitest';
import { wellAdapter } from '../../test/bad-adapters.ts';
import {
  type AdapterEvent,
  type DefinedAdapter,
  defineAdapter,
  type HttpAnswer,
  type HttpPool,
  type PushContext,
  receiptOf,
} from '../index.ts';
import { CHECKS } from './checks.ts';
import { definitionSubject, type Kit, type Verdict, verify } from './testing.ts';

type Context = PushContext<HttpPool>;

/** An adapter that asks its system more than once for an event. */
function asking(push: (event: AdapterEvent, ask: Ask, context: Context) => Promise<string>): DefinedAdapter {
  const well = wellAdapter() as DefinedAdapter<{ baseUrl: string; token: string }, HttpPool>;
  return defineAdapter({
    ...well,
    push: (event, context) =>
      push(
        event,
        (method, path, more) => context.resource.request({ method, path, signal: context.signal, ...more }),
        context,
      ),
  });
}

type Ask = (
  method: string,
  path: string,
  more?: { headers?: Record<string, string>; body?: string },
) => Promise<HttpAnswer>;

async function failuresOf(definition: DefinedAdapter, changes: Kit = {}): Promise<readonly string[]> {
  const kit = { config: { baseUrl: '{{url}}', token: '{{secret}}' }, ...changes };
  const subject = definitionSubject(definition, { id: 'lab', version: '1.0.0', folder: undefined });
  const verdicts: Verdict[] = [];
  const chosen = CHECKS.filter(({ name }) => name !== 'manifest');
  for await (const verdict of verify({ subject, kit, heapEvents: 300 }, chosen)) verdicts.push(verdict);
  return verdicts.flatMap((verdict) => (verdict.kind === 'failed' ? [`${verdict.check}: ${verdict.why}`] : []));
}

function etagOf({ headers: { etag } }: HttpAnswer): string {
  if (typeof etag !== 'string') throw new TypeError('there is no ETag');
  return etag;
}

/** Reads with the ETag, and writes if nobody wrote since. */
const readThenPut = (path: (event: AdapterEvent) => string, method = 'GET') =>
  asking(async (event, ask) => {
    const found = await ask(method, path(event));
    if (found.status !== 404) receiptOf(found);
    const condition = found.status === 404 ? { 'if-none-match': '*' } : { 'if-match': etagOf(found) };
    return receiptOf(await ask('PUT', path(event), { headers: condition, body: JSON.stringify(event.json()) }));
  });

it.each<[string, DefinedAdapter, Kit?]>([
  ['reads by GET and writes by PUT with If-Match', readThenPut(({ key }) => `/records/${key}`)],
  ['reads what holds the id of the event', readThenPut(({ id }) => `/records/${id}`)],
  ['reads by HEAD', readThenPut(({ key }) => `/records/${key}`, 'HEAD')],
  [
    'reads twice',
    asking(async (event, ask) => {
      receiptOf(await ask('GET', '/tenants/7'));
      receiptOf(await ask('GET', `/records/${event.key}`));
      return receiptOf(await ask('PUT', `/records/${event.key}`, { body: JSON.stringify(event.json()) }));
    }),
  ],
  [
    'writes to several addresses',
    asking(async (event, ask) => {
      receiptOf(await ask('PUT', `/patients/${event.key}`, { body: JSON.stringify(event.json()) }));
      receiptOf(await ask('PUT', `/visits/${event.key}`, { body: '{}' }));
      return receiptOf(await ask('DELETE', `/drafts/${event.key}`));
    }),
  ],
  [
    'posts to several addresses with one key',
    asking(async (event, ask, { idempotencyKey }) => {
      const headers = { 'idempotency-key': idempotencyKey };
      receiptOf(await ask('POST', '/patients', { headers, body: JSON.stringify(event.json()) }));
      return receiptOf(await ask('POST', '/visits', { headers, body: JSON.stringify({ of: event.key }) }));
    }),
  ],
  [
    'reads by POST, which its kit says',
    asking(async (event, ask) => {
      const found = receiptOf(await ask('POST', '/search', { body: JSON.stringify({ key: event.key }) }));
      const { total } = JSON.parse(found);
      if (total !== 0) throw new TypeError('what was searched is not what was answered');
      return receiptOf(await ask('PUT', `/records/${event.key}`, { body: JSON.stringify(event.json()) }));
    }),
    { reads: [{ request: 'POST /search', answer: { status: 200, body: { total: 0 } } }] },
  ],
  [
    'reads and writes by POST to one address, which its kit distinguishes',
    asking(async (event, ask, { idempotencyKey }) => {
      receiptOf(await ask('POST', '/graphql', { body: JSON.stringify({ query: 'query Patient { id }' }) }));
      const body = JSON.stringify({ query: 'mutation Change', of: event.json() });
      return receiptOf(await ask('POST', '/graphql', { headers: { 'idempotency-key': idempotencyKey }, body }));
    }),
    { reads: [{ request: 'POST /graphql', holding: '"query Patient' }] },
  ],
])('an adapter that %s passes every check', async (_what, definition, kit) => {
  expect(await failuresOf(definition, kit)).toEqual([]);
});

it('an adapter that writes again when it is asked again fails, however many writes it makes', async () => {
  const definition = asking(async (event, ask, { attempt }) => {
    receiptOf(await ask('PUT', `/patients/${event.key}`, { body: JSON.stringify(event.json()) }));
    return receiptOf(await ask('PUT', `/visits/${event.key}/${attempt}`, { body: '{}' }));
  });
  expect(await failuresOf(definition)).toEqual([expect.stringMatching(/^duplicate: /)]);
});

it('an adapter that does not end its write when it is aborted fails, though it ends its read', async () => {
  const definition = asking(async (event, ask, { resource }) => {
    receiptOf(await ask('GET', `/records/${event.key}`));
    const { signal } = new AbortController();
    return receiptOf(await resource.request({ method: 'PUT', path: `/records/${event.key}`, body: '{}', signal }));
  });
  expect((await failuresOf(definition)).map((why) => why.replace(/:.*/, ''))).toContain('abort');
});

it('an adapter that sends different events under one key fails, whatever their addresses', async () => {
  const definition = asking(async (event, ask) =>
    receiptOf(
      await ask('POST', `/records/${event.key}`, {
        headers: { 'idempotency-key': 'always' },
        body: JSON.stringify(event.json()),
      }),
    ),
  );
  expect((await failuresOf(definition)).map((why) => why.replace(/:.*/, ''))).toContain('one-outcome');
});
