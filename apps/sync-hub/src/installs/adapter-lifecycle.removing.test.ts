import { readdir } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { InstallError } from './install-error.ts';
import { openWithLab, type TestHouse, until } from './test-house.suite.ts';

describe('removing an adapter', () => {
  it('is refused with the count while deliveries are not settled, and it goes on', async () => {
    const house = await openWithLab();
    const [lab] = house.made;
    if (lab === undefined) throw new Error('nothing runs');
    const atLab = Promise.withResolvers<Outcome>();
    lab.runtime.answer = () => atLab.promise;
    await house.accept('a', 'b');
    await expect(house.lifecycle.remove('lab')).rejects.toMatchObject({
      code: 'UNSETTLED',
      message: expect.stringContaining('lab has deliveries that are not settled (2)'),
    });
    expect(house.lanes.ids).toEqual(['lab']);
    atLab.resolve({ kind: 'delivered', receipt: '' });
    await until(() => house.records.length === 2);
    await house.lifecycle.remove('lab');
    expect(house.lanes.ids).toEqual([]);
    expect(house.lanes.get('lab')).toBeUndefined();
    expect(lab.runtime.isClosed).toBe(true);
    expect(await readdir(house.folder)).toEqual(['adapters.lock']);
    expect(await house.currentInLock('lab')).toBeUndefined();
  });

  it('that cannot be written leaves it as it was: what is accepted afterwards is for it, too', async () => {
    const house = await openWithLab();
    house.store.lock.set = () => Promise.reject(new InstallError('LOCK_FAILED', 'the disk is full'));
    await expect(house.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'LOCK_FAILED' });
    await house.accept('a');
    await until(() => house.records.length === 1);
  });

  it('sees also what is being accepted at that moment', async () => {
    const house = await openWithLab();
    const [lab] = house.made;
    if (lab === undefined) throw new Error('nothing runs');
    lab.runtime.answer = () => new Promise(() => {});
    const accepting = house.accept('a');
    await expect(house.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'UNSETTLED' });
    await accepting;
  });
});

describe('removing an adapter with what waits for it', () => {
  /** Accepts events for as long as the adapters take them. */
  function publishOn(house: TestHouse) {
    let isOver = false;
    const publishing = (async () => {
      for (let number = 0; !isOver; number += 1) await house.accept(`e-${number}`);
    })();
    return async () => {
      isOver = true;
      await publishing;
    };
  }

  it.each<[string, (house: TestHouse) => void]>([
    ['is paused', (house) => house.lanes.get('lab')?.pause({ kind: 'operator', reason: 'by hand' })],
    ['does not run', (house) => house.crash()],
    ['delivers', () => undefined],
  ])('is one step while events arrive, when it %s', async (_what, prepare) => {
    const house = await openWithLab();
    prepare(house);
    await house.accept('first', 'second');
    const stop = publishOn(house);
    await vi.waitUntil(async () => (await house.openDeliveries('lab')) > 0 || house.records.length > 2);
    const discarded = await house.lifecycle.remove('lab', { discard: 'the lab closed' });
    await stop();
    expect(house.lanes.get('lab')).toBeUndefined();
    expect(await house.currentInLock('lab')).toBeUndefined();
    const ended = house.records.filter(({ state }) => state === 'discarded');
    expect(ended).toHaveLength(discarded);
    for (const record of ended) expect(record).toMatchObject({ adapter: 'lab', reason: 'the lab closed' });
    expect(await house.openDeliveries('lab')).toBe(0);
  });

  it('lets an attempt that runs come to its end', async () => {
    const house = await openWithLab();
    const [lab] = house.made;
    if (lab === undefined) throw new Error('nothing runs');
    const atLab = Promise.withResolvers<Outcome>();
    lab.runtime.answer = () => atLab.promise;
    await house.accept('a');
    await until(() => lab.runtime.ids.length === 1);
    const removing = house.lifecycle.remove('lab', { discard: 'the lab closed' });
    await until(() => house.lanes.get('lab')?.health().state === 'draining');
    atLab.resolve({ kind: 'delivered', receipt: '' });
    expect(await removing).toBe(0);
    expect(house.records).toMatchObject([{ eventId: 'a', state: 'delivered' }]);
  });

  it('changes nothing when the lock cannot be written', async () => {
    const house = await openWithLab();
    house.lanes.get('lab')?.pause({ kind: 'operator', reason: 'by hand' });
    await house.accept('a');
    house.store.lock.set = () => Promise.reject(new InstallError('LOCK_FAILED', 'the disk is full'));
    await expect(house.lifecycle.remove('lab', { discard: 'x' })).rejects.toMatchObject({ code: 'LOCK_FAILED' });
    expect(house.lanes.ids).toEqual(['lab']);
    expect(house.lanes.get('lab')?.health()).toMatchObject({ state: 'paused' });
    expect(await house.openDeliveries('lab')).toBe(1);
  });
});
