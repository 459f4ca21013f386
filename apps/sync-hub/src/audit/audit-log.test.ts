import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AuditPlace, DAY_MS, NOON, request, SmallDisk } from './audit.fixture.ts';
import { AuditError } from './audit-record.ts';

/** However slow the machine is. */
function untilSo(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 5 });
}

it('has a record on disk, for its own user alone, before the call returns', async () => {
  const place = new AuditPlace();
  const log = await place.open();
  expect(await log.record(request('billing'))).toBe(1);
  expect(place.records()).toEqual([
    {
      ...{ seq: 1, time: '2026-11-28T12:00:00.000Z', hub: 'hub-1' },
      ...request('billing'),
      ...{ prev: '0'.repeat(64), mac: expect.stringMatching(/^[0-9a-f]{64}$/) },
    },
  ]);
  expect(readdirSync(place.folder).sort()).toEqual(['2026-11-28.jsonl', 'checkpoints.pem', 'head', 'key']);
  for (const name of readdirSync(place.folder)) {
    expect([name, statSync(join(place.folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
});

it('resolves a record only after its fsync, and writes those that come meanwhile together', async () => {
  const place = new AuditPlace();
  const done: string[] = [];
  let release: () => void = () => undefined;
  const log = await place.open({
    openFile: async (path) => {
      const file = await open(path, 'a', 0o600);
      return {
        appendFile: (data) => file.appendFile(data),
        truncate: (length) => file.truncate(length),
        close: () => file.close(),
        datasync: async () => {
          done.push('sync begins');
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          done.push('sync ends');
        },
      };
    },
  });
  const first = log.record(request('billing')).then(() => done.push('first'));
  await untilSo(() => expect(done).toEqual(['sync begins']));
  const others = Array.from({ length: 99 }, () => log.record(request('lab')).then(() => done.push('other')));
  release();
  await first;
  await untilSo(() => expect(done.at(-1)).toBe('sync begins'));
  release();
  await Promise.all(others);
  expect(done.slice(0, 4)).toEqual(['sync begins', 'sync ends', 'first', 'sync begins']);
  expect(done.filter((what) => what === 'sync ends')).toHaveLength(2);
  const closing = log.close();
  await untilSo(() => expect(done.filter((what) => what === 'sync begins')).toHaveLength(3));
  release();
  await closing;
});

it('chains each line to the one before, as standard tools compute it', async () => {
  const place = new AuditPlace();
  const log = await place.open();
  for (const adapter of ['billing', 'lab', 'records']) await log.record(request(adapter));
  await log.close();
  const lines = place.lines();
  const { mac } = JSON.parse(readFileSync(join(place.folder, 'key'), 'utf8'));
  const publicKey = createPublicKey(readFileSync(join(place.folder, 'checkpoints.pem')));
  expect(lines).toHaveLength(4);
  let prev = '0'.repeat(64);
  for (const line of lines) {
    const record = JSON.parse(line);
    expect(record.prev).toBe(prev);
    const text = line.replace(/,"mac":"[0-9a-f]*"\}$/, '');
    expect(record.mac).toBe(createHmac('sha256', Buffer.from(mac, 'hex')).update(text).digest('hex'));
    if (record.event === 'checkpoint') {
      const signed = Buffer.from(`hms-sync-audit ${record.seq - 1} ${prev}`);
      expect(verify(null, signed, publicKey, Buffer.from(record.signature, 'base64'))).toBe(true);
      expect(place.checkpoints).toEqual([`${record.seq - 1}:${prev}:${record.signature}`]);
    }
    prev = createHash('sha256').update(line).digest('hex');
  }
});

it('begins a file each UTC day, continues the chain, and stays in the last one when the clock goes back', async () => {
  const place = new AuditPlace();
  const log = await place.open();
  await log.record(request('billing'));
  place.nowMs += DAY_MS;
  await log.record(request('lab'));
  place.nowMs -= DAY_MS;
  await log.record(request('records'));
  await log.close();
  const again = await place.open();
  await again.record(request('lab'));
  expect(place.records(NOON).map(({ seq }) => seq)).toEqual([1]);
  expect(place.records(NOON + DAY_MS).map(({ seq, event }) => [seq, event])).toEqual([
    ...[2, 3].map((seq) => [seq, 'request']),
    [4, 'checkpoint'],
    [5, 'request'],
  ]);
  expect(await place.verify()).toMatchObject({ records: 5, fault: undefined });
});

it('has a checkpoint after 1,000 records, and after a minute that had any', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const place = new AuditPlace();
  const log = await place.open();
  await Promise.all(Array.from({ length: 1_001 }, () => log.record(request('lab'))));
  const checkpoints = () => place.records().filter(({ event }) => event === 'checkpoint');
  expect(checkpoints().map(({ seq }) => seq)).toEqual([1_001]);
  vi.advanceTimersByTime(60_000);
  await untilSo(() => expect(place.checkpoints).toHaveLength(2));
  expect(checkpoints().map(({ seq }) => seq)).toEqual([1_001, 1_003]);
  vi.advanceTimersByTime(600_000);
  vi.useRealTimers();
  await log.record(request('lab'));
  expect(place.checkpoints).toHaveLength(2);
  expect((await log.verify(place.checkpoints[1])).fault).toBeUndefined();
});

describe('a disk without room', () => {
  it('refuses the record, leaves nothing of it, and goes on once there is room', async () => {
    const place = new AuditPlace();
    const disk = new SmallDisk();
    const log = await place.open({ openFile: disk.openFile });
    await log.record(request('billing'));
    disk.isFull = true;
    const refused = await Promise.allSettled([log.record(request('lab')), log.record(request('lab'))]);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(log.record(request('lab'))).rejects.toThrow(AuditError);
    expect(log.warnings).toEqual([place.troubles[0]]);
    disk.isFull = false;
    expect(await log.record(request('records'))).toBe(2);
    expect(place.records().map(({ target }) => target)).toEqual([{ adapter: 'billing' }, { adapter: 'records' }]);
    expect(place.troubles).toEqual([
      `the audit log cannot be written (no space is left on its disk): ${place.folder}`,
      'the audit log is written again',
    ]);
    expect(log.warnings).toEqual([]);
    expect(await log.verify()).toMatchObject({ records: 2, fault: undefined });
  });

  it('leaves a hub that ends then with a log that is whole', async () => {
    const place = new AuditPlace();
    const disk = new SmallDisk();
    const log = await place.open({ openFile: disk.openFile });
    await log.record(request('billing'));
    disk.isFull = true;
    await expect(log.record(request('lab'))).rejects.toThrow(AuditError);
    await log.close();
    expect(await place.verify()).toMatchObject({ records: 1, fault: undefined });
    const again = await place.open();
    expect(await again.record(request('records'))).toBe(3);
    expect(place.records()[1]).toMatchObject({ event: 'torn', file: '2026-11-28.jsonl', bytes: 40 });
  });
});

it('tries again each minute, with a checkpoint, though nobody asks for a change', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const place = new AuditPlace();
  const disk = new SmallDisk();
  const log = await place.open({ openFile: disk.openFile });
  await log.record(request('billing'));
  vi.advanceTimersByTime(60_000);
  await untilSo(() => expect(place.checkpoints).toHaveLength(1));
  disk.isFull = true;
  await expect(log.record(request('lab'))).rejects.toThrow(AuditError);
  disk.isFull = false;
  vi.advanceTimersByTime(60_000);
  await untilSo(() => expect(log.warnings).toEqual([]));
  expect(place.records().map(({ event }) => event)).toEqual(['request', 'checkpoint', 'checkpoint']);
  expect(await log.verify()).toMatchObject({ records: 3, fault: undefined });
});

describe('opened again', () => {
  it('cuts off an unfinished record, says so in a record, and continues the chain', async () => {
    const place = new AuditPlace();
    const log = await place.open();
    await log.record(request('billing'));
    await log.close();
    appendFileSync(place.path(), '{"seq":3,"time":"2026');
    expect(await place.verify()).toMatchObject({
      fault: undefined,
      notes: ['2026-11-28.jsonl ends with 21 bytes of a record that was not finished'],
    });
    const again = await place.open();
    await again.record(request('lab'));
    expect(place.records()[2]).toMatchObject({ seq: 3, event: 'torn', file: '2026-11-28.jsonl', bytes: 21 });
    expect(await again.verify()).toMatchObject({ records: 4, fault: undefined, notes: [] });
  });

  it('goes on in a day of which only an unfinished record is there', async () => {
    const place = new AuditPlace();
    const log = await place.open();
    await log.record(request('billing'));
    await log.close();
    place.nowMs += DAY_MS;
    writeFileSync(place.path(), '{"seq":3', { mode: 0o600 });
    const again = await place.open();
    await again.record(request('lab'));
    expect(place.records().map(({ seq, event }) => [seq, event])).toEqual([
      [3, 'torn'],
      [4, 'request'],
    ]);
    expect(await again.verify()).toMatchObject({ records: 4, fault: undefined });
  });

  it('goes on after records that are missing at its end, which verifying finds from then on', async () => {
    const place = new AuditPlace();
    const log = await place.open();
    for (const adapter of ['billing', 'lab', 'records']) await log.record(request(adapter));
    await log.close();
    place.write(place.lines().slice(0, 2));
    const again = await place.open();
    await again.record(request('lab'));
    expect(place.troubles).toEqual(['the records 3 to 4 of the audit log are missing at its end']);
    expect(again.warnings).toEqual(place.troubles);
    expect(place.records()[2]).toMatchObject({ seq: 5, event: 'damage', problems: place.troubles });
    const fault = { file: '2026-11-28.jsonl', line: 3, message: 'the records 3 to 4 are missing before it' };
    expect(await again.verify()).toMatchObject({ fault });
  });

  it('goes on, and says so in a record, when the file that says where it ends is gone', async () => {
    const place = new AuditPlace();
    await (await place.open()).close();
    const log = await place.open();
    await log.record(request('billing'));
    await log.close();
    rmSync(join(place.folder, 'head'));
    const again = await place.open();
    await again.record(request('lab'));
    expect(place.records()[2]).toMatchObject({ event: 'damage', problems: [expect.stringContaining('audit/head')] });
    expect(await again.verify()).toMatchObject({ records: 4, fault: undefined });
  });

  it('is refused without its key, which no log can do without', async () => {
    const place = new AuditPlace();
    const log = await place.open();
    await log.record(request('billing'));
    await log.close();
    writeFileSync(join(place.folder, 'key'), '{"mac":"0123"}');
    const damaged = expect.objectContaining({ name: 'FolderError', message: expect.stringContaining('is damaged') });
    await expect(place.open()).rejects.toEqual(damaged);
    rmSync(join(place.folder, 'key'));
    await expect(place.open()).rejects.toThrow('ENOENT');
    expect(existsSync(join(place.folder, 'key'))).toBe(false);
  });

  it('is refused when neither its last line nor the file beside it says where it ends', async () => {
    const place = new AuditPlace();
    const log = await place.open();
    await log.record(request('billing'));
    await log.close();
    place.write(['{}']);
    truncateSync(join(place.folder, 'head'));
    await expect(place.open()).rejects.toMatchObject({ name: 'FolderError' });
  });
});

describe('days past their time', () => {
  it('are deleted, each after a record, and the log is whole without them', async () => {
    const place = new AuditPlace();
    const log = await place.open({ keepDays: 2 });
    for (let day = 0; day < 6; day += 1) {
      place.nowMs = NOON + day * DAY_MS;
      await log.record(request(`day-${day}`));
    }
    const days = () => readdirSync(place.folder).filter((name) => name.endsWith('.jsonl'));
    await untilSo(() => expect(days()[0]).toBe('2026-11-30.jsonl'));
    await log.close();
    expect(await place.verify()).toMatchObject({ fault: undefined, notes: [] });
    // Not by the log.
    rmSync(place.path(Date.parse('2026-11-30')));
    const message = expect.stringContaining('no record says that their day was deleted');
    expect((await place.verify()).fault).toEqual({ file: '2026-12-01.jsonl', line: 1, message });
  });

  it('are not deleted by a clock that jumps ahead', async () => {
    const place = new AuditPlace();
    const log = await place.open({ keepDays: 2 });
    await log.record(request('billing'));
    place.nowMs += DAY_MS;
    await log.record(request('billing'));
    place.nowMs += 3_650 * DAY_MS;
    await log.record(request('billing'));
    await log.close();
    expect(readdirSync(place.folder).filter((name) => name.endsWith('.jsonl'))).toHaveLength(3);
  });
});

describe('lists', () => {
  async function useRecords() {
    const place = new AuditPlace();
    const log = await place.open();
    for (let day = 0; day < 3; day += 1) {
      for (const adapter of ['billing', 'lab']) await log.record(request(`${adapter}-${day}`));
      place.nowMs += DAY_MS;
    }
    const all = { sinceMs: undefined, untilMs: undefined, principals: [], limit: 100, after: undefined };
    const adapters = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).target.adapter);
    return { log, all, adapters, place };
  }

  it('all records, a page at a time, over the ends of days', async () => {
    const { log, all, adapters } = await useRecords();
    const found: string[] = [];
    let pages = 0;
    for (let after = all.after; pages === 0 || after !== undefined; pages += 1) {
      const page: Awaited<ReturnType<typeof log.list>> = await log.list({ ...all, limit: 4, after });
      found.push(...adapters(page.lines));
      after = page.next as typeof after;
    }
    expect(found).toEqual(['billing-0', 'lab-0', 'billing-1', 'lab-1', 'billing-2', 'lab-2']);
    expect(pages).toBe(2);
  });

  it('those of a time, and those of a principal', async () => {
    const { log, all, adapters } = await useRecords();
    const ofDay = await log.list({ ...all, sinceMs: NOON + DAY_MS, untilMs: NOON + 2 * DAY_MS });
    expect(adapters(ofDay.lines)).toEqual(['billing-1', 'lab-1']);
    expect((await log.list({ ...all, principals: ['nobody'] })).lines).toEqual([]);
    expect((await log.list({ ...all, principals: ['local', 'nobody'] })).lines).toHaveLength(6);
  });

  it('nothing of a record that is not whole on disk, nor what is no record', async () => {
    const { log, all, place } = await useRecords();
    appendFileSync(place.path(place.nowMs - DAY_MS), '{"seq":7}\n');
    expect((await log.list(all)).lines).toHaveLength(6);
  });
});
