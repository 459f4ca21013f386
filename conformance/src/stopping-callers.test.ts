import { randomUUID } from 'node:crypto';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outline } from './acks.ts';
import { request } from './raw-request.ts';
import { type Stack, startStack } from './stack.ts';
import { createSyncClient, first, type SyncClient } from './sync-client.ts';
import { transports } from './transports/every-transport.ts';
import type { TransportKind } from './transports/transport.ts';

/** Every delivery fails, and its next attempt is long after the hub has stopped. */
const LONG_RETRY = { baseMs: 60_000, capMs: 60_000, maxAttempts: 10 };
const WAIT_MS = 50_000;

const STOPPING = { code: 'unavailable', reason: 'HUB_STOPPING', retryAfterMs: 2_000 };

let stack: Stack;

beforeEach(async () => {
  stack = await startStack({ lane: { retry: LONG_RETRY }, systems: ['billing'] });
  await stack.sandbox.setFault('*', { status: 503, times: 1_000_000 });
});
afterEach(() => stack.close());

const event = () => ({ id: randomUUID(), type: 'ProcessUpdated' });

/** What a caller of a stream received, how it ended, and when the first message came. */
function follow<Message>(messages: AsyncIterable<Message>) {
  const begun = Promise.withResolvers<void>();
  const received: Message[] = [];
  const ended = (async () => {
    try {
      for await (const message of messages) {
        received.push(message);
        begun.resolve();
      }
      return undefined;
    } catch (error) {
      return error;
    }
  })();
  return { received, ended, begun: Promise.race([begun.promise, ended]) };
}

/** Events that are never more, on a stream that stays open. */
async function* endless<Message>(messages: readonly Message[]): AsyncGenerator<Message> {
  yield* messages;
  await new Promise<never>(() => undefined);
}

function callsOf(client: SyncClient, kind: TransportKind) {
  const { serverStreams, bidiStreams } = kind.features;
  return {
    ...(serverStreams && {
      publish: client.publish({ event: event() }),
      watchAcks: client.watchAcks({}),
      watchHealth: client.watchHealth(),
      watchServing: client.watchServing(''),
    }),
    ...(bidiStreams && { publishStream: client.publishStream(endless([{ events: [event()] }])) }),
  };
}

describe('a hub that stops notifies', () => {
  test('every waiting caller, over every transport, with the cursor to resume from', async () => {
    const opened = transports.map((kind) => {
      const transport = kind.create(stack.hub.address);
      const client = createSyncClient(transport);
      const streams = Object.entries<AsyncIterable<unknown>>(callsOf(client, kind));
      const tail = kind.features.serverStreams
        ? [['tail', transport.serverStream(AdminService.method.tailEvents, {})]]
        : [];
      const followed = [...streams, ...tail].map(([call, messages]) => ({
        call: `${call} by ${kind.name}`,
        ...follow(messages as AsyncIterable<{ cursor?: string }>),
      }));
      return { kind, client, followed, waiting: client.publishAndWait(event(), WAIT_MS) };
    });
    const posted = (['1.1', '2'] as const).map((httpVersion) =>
      request(stack.hub.address, {
        httpVersion,
        path: `/sync?wait=${WAIT_MS / 1_000}s`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'ProcessUpdated' }),
      }),
    );
    const streams = opened.flatMap(({ followed }) => followed);
    await Promise.all(streams.map(({ begun }) => begun));
    const published = streams.filter(({ call }) => /^publish/.test(call)).length + opened.length + posted.length;
    await first(opened[0]?.client.watchHealth() ?? endless([]), ({ adapters: [billing] }) => {
      return Number(billing?.waiting) === published;
    });
    const ended = stack.hub.stop();

    for (const { call, ended: how } of streams) {
      const error = await how;
      expect(error, call).toMatchObject(STOPPING);
      const hasCursor = /^(publish|publishStream|watchAcks) /.test(call);
      expect((error as { metadata: object }).metadata, call).toEqual(hasCursor ? { cursor: expect.any(String) } : {});
    }
    for (const { kind, client, waiting } of opened) {
      const { settled, acks } = await waiting;
      expect([kind.name, settled, outline(acks)]).toEqual([kind.name, false, expect.anything()]);
      client.close();
    }
    for (const answer of await Promise.all(posted)) {
      expect(answer).toMatchObject({ status: 202 });
      expect(JSON.parse((answer as { body: Buffer }).body.toString())).toMatchObject({
        status: 'pending',
        adapters: { billing: { attempt: expect.any(Number) } },
      });
    }
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  test.for(transports.filter(({ features }) => features.serverStreams))(
    'a publisher, with a cursor that is valid after a restart: $name',
    async (kind) => {
      const client = createSyncClient(kind.create(stack.hub.address));
      const published = event();
      const { ended, begun } = follow(client.publish({ event: published }));
      await begun;
      const stopped = stack.hub.stop();
      const { metadata } = (await ended) as { metadata: { cursor: string } };
      await stopped;
      client.close();
      const after = createSyncClient(kind.create((await stack.restart()).address));
      expect((await first(after.watchAcks({ cursor: metadata.cursor }))).cursor).toBe(metadata.cursor);
      after.close();
    },
  );
});
