import { readdir } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { InstallError } from './install-error.ts';
import { type Fixture, openWithLab, until } from './lifecycle.fixture.ts';

describe('removing an adapter', () => {
  it('is refused with the count while deliveries are not settled, and it goes on', async () => {
    const fixture = await openWithLab();
    const [lab] = fixture.made;
    if (lab === undefined) throw new Error('nothing runs');
    const atLab = Promise.withResolvers<Outcome>();
    lab.runtime.answer = () => atLab.promise;
    await fixture.accept('a', 'b');
    await expect(fixture.lifecycle.remove('lab')).rejects.toMatchObject({
      code: 'UNSETTLED',
      message: expect.stringContaining('lab has deliveries that are not settled (2)'),
    });
    expect(fixture.lanes.ids).toEqual(['lab']);
    atLab.resolve({ kind: 'delivered', receipt: '' });
    await until(() => fixture.records.length === 2);
    await fixture.lifecycle.remove('lab');
    expect(fixture.lanes.ids).toEqual([]);
    expect(fixture.lanes.get('lab')).toBeUndefined();
    expect(lab.runtime.isClosed).toBe(true);
    expect(await readdir(fixture.folder)).toEqual(['adapters.lock']);
    expect(await fixture.currentInLock('lab')).toBeUndefined();
  });

  it('that cannot be written leaves it as it was: what is accepted afterwards is for it, too', async () => {
    const fixture = await openWithLab();
    fixture.store.lock.set = () => Promise.reject(new InstallError('LOCK_FAILED', 'the disk is full'));
    await expect(fixture.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'LOCK_FAILED' });
    await fixture.accept('a');
    await until(() => fixture.records.length === 1);
  });

  it('sees also what is being accepted at that moment', async () => {
    const fixture = await openWithLab();
    const [lab] = fixture.made;
    if (lab === undefined) throw new Error('nothing runs');
    lab.runtime.answer = () => new Promise(() => {});
    const accepting = fixture.accept('a');
    await expect(fixture.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'UNSETTLED' });
    await accepting;
  });
});

describe('removing an adapter with what waits for it', () => {
  /** Accepts events for as long as the adapters take them. */
  function publishOn(fixture: Fixture) {
    let isOver = false;
    const publishing = (async () => {
      for (let number = 0; !isOver; number += 1) await fixture.accept(`e-${number}`);
    })();
    return async () => {
      isOver = true;
      await publishing;
    };
  }

  it.each<[string, (fixture: Fixture) => void]>([
    ['is paused', (fixture) => fixture.lanes.get('lab')?.pause({ kind: 'operator', reason: 'by hand' })],
    ['does not run', (fixture) => fixture.crash()],
    ['delivers', () => undefined],
  ])('is one step while events arrive, when it %s', async (_what, prepare) => {
    const fixture = await openWithLab();
    prepare(fixture);
    await fixture.accept('first', 'second');
    const stop = publishOn(fixture);
    await vi.waitUntil(async () => (await fixture.openDeliveries('lab')) > 0 || fixture.records.length > 2);
    const discarded = await fixture.lifecycle.remove('lab', { discard: 'the lab closed' });
    await stop();
    expect(fixture.lanes.get('lab')).toBeUndefined();
    expect(await fixture.currentInLock('lab')).toBeUndefined();
    const ended = fixture.records.filter(({ state }) => state === 'discarded');
    expect(ended).toHaveLength(discarded);
    for (const record of ended) expect(record).toMatchObject({ adapter: 'lab', reason: 'the lab closed' });
    expect(await fixture.openDeliveries('lab')).toBe(0);
  });

  it('lets an attempt that runs come to its end', async () => {
    const fixture = await openWithLab();
    const [lab] = fixture.made;
    if (lab === undefined) throw new Error('nothing runs');
    const atLab = Promise.withResolvers<Outcome>();
    lab.runtime.answer = () => atLab.promise;
    await fixture.accept('a');
    await until(() => lab.runtime.ids.length === 1);
    const removing = fixture.lifecycle.remove('lab', { discard: 'the lab closed' });
    await until(() => fixture.lanes.get('lab')?.health().state === 'draining');
    atLab.resolve({ kind: 'delivered', receipt: '' });
    expect(await removing).toBe(0);
    expect(fixture.records).toMatchObject([{ eventId: 'a', state: 'delivered' }]);
  });

  it('changes nothing when the lock cannot be written', async () => {
    const fixture = await openWithLab();
    fixture.lanes.get('lab')?.pause({ kind: 'operator', reason: 'by hand' });
    await fixture.accept('a');
    fixture.store.lock.set = () => Promise.reject(new InstallError('LOCK_FAILED', 'the disk is full'));
    await expect(fixture.lifecycle.remove('lab', { discard: 'x' })).rejects.toMatchObject({ code: 'LOCK_FAILED' });
    expect(fixture.lanes.ids).toEqual(['lab']);
    expect(fixture.lanes.get('lab')?.health()).toMatchObject({ state: 'paused' });
    expect(await fixture.openDeliveries('lab')).toBe(1);
  });
});
