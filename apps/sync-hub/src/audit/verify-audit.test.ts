import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuditPlace, DAY_MS, NOON, request } from './audit.fixture.ts';
import { endOf, seal } from './audit-chain.ts';
import { readAuditKeys } from './audit-keys.ts';

const RECORDS = 8;

/** A log of three days with eight requests each, and a checkpoint at its end. */
async function useLog() {
  const place = new AuditPlace();
  const log = await place.open();
  for (const day of [0, 1, 2]) {
    place.nowMs = NOON + day * DAY_MS;
    for (let number = 0; number < RECORDS; number += 1) await log.record(request(`adapter-${number}`));
  }
  await log.close();
  expect(await place.verify()).toMatchObject({ records: 25, fault: undefined, notes: [] });
  return place;
}

const days = [0, 1, 2].map((day) => NOON + day * DAY_MS);
const names = ['2026-11-28.jsonl', '2026-11-29.jsonl', '2026-11-30.jsonl'];
const everyLine = days.flatMap((day, index) =>
  Array.from({ length: index === 2 ? RECORDS + 1 : RECORDS }, (_, line) => ({ day, file: names[index], line })),
);

it('finds and places a line that was deleted, whichever it is', async () => {
  const place = await useLog();
  for (const { day, file, line } of everyLine) {
    const lines = place.lines(day);
    place.write(lines.toSpliced(line, 1), day);
    const { fault } = await place.verify();
    const isLastOfLog = file === names[2] && line === RECORDS;
    const isLastOfDay = !isLastOfLog && line === RECORDS - 1 && file !== names[2];
    const next = names[names.indexOf(file ?? '') + 1];
    const at = isLastOfLog ? { file, line: 0 } : isLastOfDay ? { file: next, line: 1 } : { file, line: line + 1 };
    expect(fault).toMatchObject({ ...at, message: expect.stringContaining('missing') });
    place.write(lines, day);
  }
  expect((await place.verify()).fault).toBeUndefined();
});

it('finds and places a byte that was changed, wherever it is', async () => {
  const place = await useLog();
  const places = fc.record({ day: fc.nat(2), at: fc.nat(10_000), flip: fc.integer({ min: 1, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(places, async ({ day, at, flip }) => {
      const path = place.path(days[day]);
      const bytes = readFileSync(path);
      const changed = Buffer.from(bytes);
      const offset = at % bytes.length;
      changed[offset] = (changed[offset] ?? 0) ^ flip;
      writeFileSync(path, changed);
      const { fault } = await place.verify();
      writeFileSync(path, bytes);
      const line = bytes.subarray(0, offset).filter((byte) => byte === 0x0a).length + 1;
      const isLast = day === 2 && offset === bytes.length - 1;
      // Without its line feed the last record is one that was not finished.
      expect(fault).toMatchObject({ file: names[day], line: isLast ? 0 : line });
    }),
    { numRuns: 200 },
  );
});

it('finds and places lines that changed places, a line twice, and one that was moved to another day', async () => {
  const place = await useLog();
  const [first = [], second = []] = days.map((day) => place.lines(day));
  const [a = '', b = '', ...rest] = second;
  place.write([b, a, ...rest], days[1]);
  expect((await place.verify()).fault).toMatchObject({ file: names[1], line: 1 });
  place.write([a, b, b, ...rest], days[1]);
  expect((await place.verify()).fault).toMatchObject({
    file: names[1],
    line: 3,
    message: expect.stringContaining('record 10'),
  });
  place.write([...first, a], days[0]);
  place.write([b, ...rest], days[1]);
  expect((await place.verify()).fault).toMatchObject({ file: names[0], line: RECORDS + 1 });
  place.write(first.slice(0, -1), days[0]);
  place.write([first.at(-1) ?? '', ...second], days[1]);
  expect((await place.verify()).fault).toMatchObject({ file: names[1], line: 1 });
});

it('finds and places a line that somebody else added, with and without the key', async () => {
  const place = await useLog();
  const lines = place.lines(days[2]);
  const forged = (lines.at(-1) ?? '').replace('"seq":25', '"seq":26');
  place.write([...lines, forged], days[2]);
  const message = 'was changed, or was not written by this hub';
  expect((await place.verify()).fault).toEqual({ file: names[2], line: RECORDS + 2, message });
  place.write([...lines, '{"seq":26}'], days[2]);
  expect((await place.verify()).fault).toEqual({ file: names[2], line: RECORDS + 2, message: 'is not a record' });
  // Who has the key of the MACs alone signs no checkpoint.
  const keys = readAuditKeys(place.folder);
  const signature = Buffer.alloc(64).toString('base64');
  const end = endOf(RECORDS * 3 + 1, lines.at(-1) ?? '');
  place.write([...lines, seal({ event: 'checkpoint', signature }, days[2] ?? 0, { hub: 'hub-1', end, keys })], days[2]);
  const unsigned = { file: names[2], line: RECORDS + 2, message: 'has a wrong signature' };
  expect((await place.verify()).fault).toEqual(unsigned);
  // Who has the key can write a record in place of another; the next one does not follow it.
  const before = endOf(RECORDS * 2 + 2, lines[1] ?? '');
  const other = seal(request('other'), days[2] ?? 0, { hub: 'hub-1', end: before, keys });
  place.write(lines.with(2, other), days[2]);
  const follows = expect.stringContaining(`does not follow record ${RECORDS * 2 + 3}`);
  expect((await place.verify()).fault).toEqual({ file: names[2], line: 4, message: follows });
});

describe('a file', () => {
  it.each([
    [0, { file: names[1], line: 1, message: expect.stringMatching(/^the records 1 to 8 are missing/) }],
    [1, { file: names[2], line: 1, message: expect.stringMatching(/^the records 9 to 16 are missing/) }],
    [2, { file: names[1], line: 0, message: expect.stringMatching(/^the records 17 to 25 are missing at its end/) }],
  ])('that is gone is found: %i', async (day, fault) => {
    const place = await useLog();
    rmSync(place.path(days[day]));
    expect((await place.verify()).fault).toEqual(fault);
  });

  it('that was renamed is found', async () => {
    const place = await useLog();
    renameSync(place.path(days[0]), place.path(NOON - 3_000 * DAY_MS));
    expect((await place.verify()).fault).toMatchObject({ line: 1, message: expect.stringContaining('renamed') });
  });

  it('that was cut in the middle of a line is found', async () => {
    const place = await useLog();
    const bytes = readFileSync(place.path(days[0]));
    writeFileSync(place.path(days[0]), bytes.subarray(0, -10));
    expect((await place.verify()).fault).toEqual({ file: names[0], line: RECORDS, message: 'is cut off' });
  });
});

describe('a cut end', () => {
  it('shows from the file beside the log, and from its absence', async () => {
    const place = await useLog();
    rmSync(join(place.folder, 'head'));
    expect((await place.verify()).fault).toMatchObject({ file: 'head', line: 0 });
  });

  it("shows from a checkpoint of the hub's log, also if the file beside it was put back to an older one", async () => {
    const place = new AuditPlace();
    const log = await place.open();
    await log.record(request('billing'));
    const head = readFileSync(join(place.folder, 'head'));
    const lines = place.lines();
    await log.record(request('lab'));
    await log.close();
    const [checkpoint = ''] = place.checkpoints;
    expect(await place.verify({ checkpoint })).toMatchObject({ fault: undefined });
    place.write(lines);
    writeFileSync(join(place.folder, 'head'), head);
    expect(await place.verify()).toMatchObject({ fault: undefined });
    expect((await place.verify({ checkpoint })).fault?.message).toBe('record 2 is missing at its end');
    const forged = checkpoint.replace('2:', '1:');
    expect((await place.verify({ checkpoint: forged })).fault?.message).toContain('not one of this log');
  });
});
