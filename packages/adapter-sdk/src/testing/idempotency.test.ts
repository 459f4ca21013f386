import { expect, it } from 'vitest';
import { wellAdapter } from '../../test/bad-adapters.ts';
import {
  type AdapterEvent,
  type DefinedAdapter,
  defineAdapter,
  type HttpPool,
  type PushContext,
  receiptOf,
} from '../index.ts';
import { duplicate } from './checks/delivering.ts';
import { definitionSubject, type Kit, type Verdict, verify } from './testing.ts';

type Context = PushContext<HttpPool>;

/** An adapter that writes in a way of its own. */
function writing(push: (event: AdapterEvent, context: Context) => Promise<string>): DefinedAdapter {
  const { config, open, close } = wellAdapter() as DefinedAdapter<{ baseUrl: string; token: string }, HttpPool>;
  return defineAdapter({ ...(config && { config }), ...(open && { open }), ...(close && { close }), push });
}

async function verdictOf(definition: DefinedAdapter, changes: Kit = {}) {
  const kit = { config: { baseUrl: '{{url}}', token: '{{secret}}' }, ...changes };
  const subject = definitionSubject(definition, { id: 'lab', version: '1.0.0', folder: undefined });
  const verdicts: Verdict[] = [];
  for await (const verdict of verify({ subject, kit }, [duplicate])) verdicts.push(verdict);
  return verdicts[0]?.kind;
}

const send = async ({ resource, signal }: Context, method: string, path: string, more: object = {}) =>
  receiptOf(await resource.request({ method, path, signal, ...more }));

it('a key in another header is one effect, once the kit names the header', async () => {
  const adapter = () =>
    writing((_event, context) => send(context, 'POST', '/', { headers: { 'X-Request-Id': context.idempotencyKey } }));
  expect(await verdictOf(adapter(), { idempotency: 'header:X-Request-Id' })).toBe('passed');
  expect(await verdictOf(adapter())).toBe('failed');
});

it('a key in the body is one effect, once the kit points to it', async () => {
  const adapter = () =>
    writing((_event, context) =>
      send(context, 'POST', '/', { body: JSON.stringify({ meta: { id: context.idempotencyKey, at: Math.random() } }) }),
    );
  expect(await verdictOf(adapter(), { idempotency: 'body:/meta/id' })).toBe('passed');
  expect(await verdictOf(adapter())).toBe('failed');
});

it('PUT to an address made of the event is one effect, PUT to a new address each time is two', async () => {
  expect(await verdictOf(writing((event, context) => send(context, 'PUT', `/changes/${event.id}`)))).toBe('passed');
  const again = writing((event, context) => send(context, 'PUT', `/changes/${event.id}/${context.attempt}`));
  expect(await verdictOf(again)).toBe('failed');
});

it('a system without any is written to once by an adapter that looks first', async () => {
  const looking = (finds: (status: number) => boolean) =>
    writing(async (event, context) => {
      if (context.redelivered) {
        const { status } = await context.resource.request({
          method: 'GET',
          path: `/changes?reference=${encodeURIComponent(event.id)}`,
          signal: context.signal,
        });
        if (finds(status)) return 'was there';
      }
      return send(context, 'POST', '/changes', { body: JSON.stringify({ reference: event.id }) });
    });
  expect(await verdictOf(looking((status) => status === 200))).toBe('passed');
  expect(await verdictOf(looking(() => false))).toBe('failed');
});

it('an adapter that reports delivered and sends nothing fails', async () => {
  expect(await verdictOf(writing(async () => 'done'))).toBe('failed');
});
