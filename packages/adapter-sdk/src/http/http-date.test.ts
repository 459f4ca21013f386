import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { httpDateMs } from './retry-after.ts';

const now = Date.UTC(2026, 10, 23, 10);
const at = Date.UTC(2026, 10, 23, 10, 0, 30);

/** One moment, in each form that may come. */
const sameMoment = [
  'Mon, 23 Nov 2026 10:00:30 GMT',
  'Mon, 23 Nov 2026 10:00:30',
  'Mon, 23 Nov 2026 10:00:30 UTC',
  'Mon, 23 Nov 2026 12:00:30 +0200',
  'Mon, 23 Nov 2026 04:30:30 -0530',
  'Monday, 23-Nov-26 10:00:30 GMT',
  'Monday, 23-Nov-26 10:00:30',
  'Mon, 23-Nov-2026 10:00:30 GMT',
  'Mon Nov 23 10:00:30 2026',
  'Mon Nov 23 10:00:30 2026 GMT',
];

describe('an HTTP date', () => {
  it.each(['UTC', 'America/New_York', 'Asia/Tokyo', 'Asia/Kathmandu', 'Pacific/Kiritimati'])(
    'is the same moment to a process in %s',
    async (zone) => {
      const script = `
        import { httpDateMs } from ${JSON.stringify(fileURLToPath(new URL('retry-after.ts', import.meta.url)))};
        console.log(JSON.stringify(${JSON.stringify(sameMoment)}.map((text) => httpDateMs(text, ${now}))));`;
      const child = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
        env: { TZ: zone },
      });
      expect(JSON.parse(child.stdout)).toEqual(sameMoment.map(() => at));
    },
  );

  it.each([
    ['Sun Nov  6 08:49:37 1994', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sunday, 06-Nov-94 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Monday, 23-Nov-76 10:00:30 GMT', Date.UTC(2076, 10, 23, 10, 0, 30)],
    ['Tuesday, 23-Nov-77 10:00:30 GMT', Date.UTC(1977, 10, 23, 10, 0, 30)],
    ['Thu, 31 Dec 2026 23:59:60 GMT', Date.UTC(2027, 0, 1)],
  ])('%s is read as its form says', (text, expected) => {
    expect(httpDateMs(text, now)).toBe(expected);
  });

  it.each([
    '',
    'Mon',
    'tomorrow',
    '2026',
    '-5',
    '2026-11-23T10:00:30Z',
    'Mon, 32 Nov 2026 10:00:30 GMT',
    'Mon, 31 Nov 2026 10:00:30 GMT',
    'Mon, 00 Nov 2026 10:00:30 GMT',
    'Mon, 23 Foo 2026 10:00:30 GMT',
    'Mon, 23 Nov 2026 25:00:30 GMT',
    'Mon, 23 Nov 2026 10:00:30 PST',
    'Mon, 23 Nov 2026 10:00 GMT',
  ])('is not %j', (text) => {
    expect(httpDateMs(text, now)).toBeUndefined();
  });
});
