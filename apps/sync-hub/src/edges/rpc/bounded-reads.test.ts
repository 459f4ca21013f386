import { create } from '@bufbuild/protobuf';
import { createContextValues, createHandlerContext } from '@connectrpc/connect';
import { GetEventRequestSchema, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { expect, it } from 'vitest';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import type { Journal } from '../../journal/journal.ts';
import { EventFeed } from '../publishing/event-feed.ts';
import { openTestHub, published } from '../publishing/hub.fixture.ts';
import { Publishing } from '../publishing/publishing.ts';
import { CALLER } from './caller.ts';
import { createSyncService } from './sync-service.ts';

/** A journal whose reads are counted, and wait to be let through. */
function counted(journal: Pick<Journal, 'readEvent'>) {
  const opened = Promise.withResolvers<void>();
  const reads = { asked: 0, running: 0, most: 0, letThrough: opened.resolve };
  const readEvent: Journal['readEvent'] = async (event) => {
    reads.asked += 1;
    reads.running += 1;
    reads.most = Math.max(reads.most, reads.running);
    await opened.promise;
    const stored = await journal.readEvent(event);
    reads.running -= 1;
    return stored;
  };
  return { reads, journal: { readEvent } };
}

it('reads only this many events at a time, however many are asked for at once', async () => {
  const hub = await openTestHub({ starts: false });
  const { event } = await hub.intake.accept(published());
  const { reads, journal } = counted(hub.journal);
  const service = createSyncService(new Publishing({ ...hub, journal }), hub.onFault);
  const context = createHandlerContext({
    service: SyncService,
    method: SyncService.method.getEvent,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: 'http://hub/',
    contextValues: createContextValues().set(CALLER, OPEN_PRINCIPAL),
  });
  const request = create(GetEventRequestSchema, { id: event.id });
  const answers = Array.from({ length: 200 }, () => service.getEvent(request, context));
  reads.letThrough();
  for (const answer of await Promise.all(answers)) expect(answer.event?.id).toBe(event.id);
  expect(reads).toMatchObject({ asked: 200, most: 32 });
});

it('reads what it reports of many events in one go, so that no record falls between two of them', async () => {
  const hub = await openTestHub({ starts: false });
  const accepted = await Promise.all(Array.from({ length: 100 }, () => hub.intake.accept(published())));
  const { reads, journal } = counted(hub.journal);
  const feed = new EventFeed({ ...hub, journal });
  const events = accepted.map(({ event }) => event);
  const { signal } = new AbortController();
  const received = feed.read({ events, until: 'settled', after: new Map(), signal });
  const first = received.next();
  expect(reads.running).toBe(100);
  reads.letThrough();
  await first;
  await received.return();
});
