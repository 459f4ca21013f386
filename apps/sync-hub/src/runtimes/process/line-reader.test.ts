import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { readLines } from './line-reader.ts';

/** What is read of these chunks while this many lines are wanted. */
async function read(chunks: readonly (string | Buffer)[], { wanted = 1_000, lineMaxCharacters = 20 } = {}) {
  const stream = new PassThrough();
  const lines: string[] = [];
  let leftOut = 0;
  let end = '';
  readLines(stream, {
    lineMaxCharacters,
    isWanted: () => lines.length < wanted,
    onLine: (line) => lines.push(line),
    onLeftOut: (count) => {
      leftOut += count;
    },
    onEnd: (text) => {
      end = text;
    },
  });
  const ended = new Promise((resolve) => stream.on('end', resolve));
  for (const chunk of chunks) {
    // One reading for each chunk.
    const taken = new Promise((resolve) => stream.once('data', resolve));
    stream.write(chunk);
    await taken;
  }
  stream.end();
  await ended;
  return { lines, leftOut, end };
}

it('reads lines whole, whatever the pieces they come in', async () => {
  const bytes = Buffer.from('one é\n\ntwo €\nlast');
  const byByte = [...bytes].map((byte) => Buffer.of(byte));
  const expected = { lines: ['one é', '', 'two €', 'last'], leftOut: 0, end: '' };
  expect(await read([bytes])).toEqual(expected);
  expect(await read(byByte)).toEqual(expected);
});

it('counts the lines that nobody wants, and keeps only the end of them', async () => {
  const chunks = ['first\nsecond\nthi', 'rd\nfourth\nfifth\n', 'sixth\nlast words\n'];
  const { lines, leftOut, end } = await read(chunks, { wanted: 1 });
  expect(lines).toEqual(['first']);
  expect(leftOut).toBe(6);
  expect(end).toBe('rd\nfourth\nfifth\nsixth\nlast words\n');
});

it('continues with a whole line when lines are wanted again', async () => {
  const lines: string[] = [];
  let isWanted = false;
  let leftOut = 0;
  const stream = new PassThrough();
  const options = { lineMaxCharacters: 20, isWanted: () => isWanted, onLine: (line: string) => lines.push(line) };
  readLines(stream, { ...options, onLeftOut: (count) => (leftOut += count) });
  const taken = new Promise((resolve) => stream.once('data', resolve));
  stream.write('one\ntw');
  await taken;
  isWanted = true;
  stream.end('o\nthree\n');
  await new Promise((resolve) => stream.once('end', resolve));
  expect({ lines, leftOut }).toEqual({ lines: ['three'], leftOut: 2 });
});

it.each([
  ['text', 'x'.repeat(1_000_000), 'x'.repeat(20)],
  ['bytes that are not text', Buffer.alloc(1_000_000, 0xff), '\ufffd'.repeat(20)],
  ['characters of four bytes', '😀'.repeat(100_000), '😀'.repeat(10)],
])('keeps the beginning of a line without end: %s', async (_what, line, kept) => {
  expect((await read([line, '\n'])).lines).toEqual([kept]);
});
