import { useDatabase } from '@hms-sync/testing/postgres';
import { TcpProxy } from '@hms-sync/testing/tcp-proxy';
import { expect, onTestFinished, test } from 'vitest';
import { sampleAccept, sampleEvent } from '../suite/samples.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

test('a journal whose server answers no more, and resets nothing, ends', async () => {
  const url = await useDatabase();
  const proxy = await TcpProxy.start(url);
  onTestFinished(() => proxy.close());
  const journal = await openPostgresJournal({ url: proxy.through(url), answerTimeoutMs: 1_000 });
  const ended = new Promise((resolve) => journal.subscribe({ committed: () => undefined, ended: resolve }));
  await journal.accept(sampleAccept(sampleEvent('before')));
  proxy.disturb('to_client', { kind: 'black_hole' });
  await expect(journal.accept(sampleAccept(sampleEvent('after')))).rejects.toThrow('no answer within 1 s');
  expect(await ended).toMatchObject({ code: 'FAILED' });
  await journal.close();
});
