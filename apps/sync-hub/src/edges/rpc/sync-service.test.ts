import { create } from '@bufbuild/protobuf';
import { createContextValues, type HandlerContext } from '@connectrpc/connect';
import { WatchAcksRequestSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { expect, it } from 'vitest';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import { openTestHub } from '../publishing/hub.fixture.ts';
import { CALLER } from './caller.ts';
import { createSyncService, WATCHES_MAX } from './sync-service.ts';

it('all acks are watched by a bounded number at a time, and by another once one has left', async () => {
  const hub = await openTestHub();
  const { watchAcks } = createSyncService(hub.publishing, hub.onFault);
  const request = create(WatchAcksRequestSchema);
  const values = createContextValues().set(CALLER, OPEN_PRINCIPAL);
  const begin = (signal: AbortSignal) =>
    watchAcks(request, { signal, values } as HandlerContext)[Symbol.asyncIterator]();
  const all = new AbortController();
  const leave = new AbortController();
  const watches = [leave.signal, ...Array.from({ length: WATCHES_MAX - 1 }, () => all.signal)].map(begin);
  for (const watch of watches) await watch.next();
  const waiting = watches.map((watch) => watch.next());
  await expect(begin(all.signal).next()).rejects.toMatchObject({ reason: 'TOO_MANY_AT_ONCE', retryAfterMs: 10_000 });
  leave.abort();
  await waiting[0];
  expect((await begin(all.signal).next()).done).toBe(false);
  all.abort();
  await Promise.all(waiting);
});
