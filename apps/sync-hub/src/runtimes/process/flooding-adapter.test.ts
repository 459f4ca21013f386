import { describe, expect, it } from 'vitest';
import { harm, harmful, startHostile } from './hostile-adapter.fixture.ts';

describe('an adapter that floods', () => {
  it('its output is read in part, and what was left out is counted', async () => {
    const hostile = await startHostile(
      harmful("for (let i = 0; i < 20_000; i += 1) { console.log('line', i); console.error('line', i); }"),
    );
    expect(await hostile.deliver(harm)).toMatchObject({ kind: 'delivered' });
    await hostile.close();
    const lines = hostile.records.filter(({ message }) => message.startsWith('line '));
    const leftOut = hostile.records.reduce((sum, { fields }) => sum + Number(fields?.leftOut ?? 0), 0);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(2_000);
    expect(lines.length + leftOut).toBe(40_000);
  });

  it.each([
    ['its log', "for (let i = 0; i < 1e5; i += 1) context.log.info('line', { i });"],
    ['its output a byte at a time', "for (let i = 0; i < 1e4; i += 1) writeSync(1, 'x');"],
    ['its errors with lines without end', "for (let i = 0; i < 100; i += 1) console.error('x'.repeat(1e5));"],
    [
      'its output with bytes that are not text',
      'for (let i = 0; i < 100; i += 1) writeSync(1, Buffer.alloc(1e5, 0xff));',
    ],
    ['its output with empty lines', "for (let i = 0; i < 100; i += 1) writeSync(1, '\\n'.repeat(1e5));"],
    ["the hub's own channel", "for (let i = 0; i < 100; i += 1) writeSync(3, '{}\\n'.repeat(1e4));"],
  ])('%s delivers all the same, and says little', async (_what, body) => {
    const hostile = await startHostile(harmful(body, "import { writeSync } from 'node:fs';"));
    expect(await hostile.deliver(harm)).toMatchObject({ kind: 'delivered' });
    expect(await hostile.deliver()).toMatchObject({ kind: 'delivered' });
    await hostile.close();
    expect(hostile.records.length).toBeLessThan(1_500);
    expect(JSON.stringify(hostile.records).length).toBeLessThan(4e6);
  });

  it('all channels and then throws is known to have thrown', async () => {
    const flood =
      "for (let i = 0; i < 1e4; i += 1) { console.log('line', i); console.error('line', i); context.log.info('line'); }";
    const hostile = await startHostile(
      harmful(
        `${flood} writeSync(3, '{}\\n'.repeat(1e4)); setImmediate(() => { throw new RangeError(); }); await new Promise(() => {});`,
        "import { writeSync } from 'node:fs';",
      ),
    );
    expect(await hostile.deliver(harm)).toMatchObject({ kind: 'crashed' });
    expect(await hostile.changed()).toMatchObject({ reason: expect.stringContaining('its code threw RangeError') });
  });
});
