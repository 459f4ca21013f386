import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { createTerminal } from './terminal.ts';

describe('a printer', () => {
  test('paints on a terminal', () => {
    const { data } = captureTerminal({ isTTY: true });
    expect(data.paint('good', 'DELIVERED')).toBe('\u001b[32mDELIVERED\u001b[39m');
  });

  test.each([
    ['NO_COLOR is set', { env: { NO_COLOR: '1' }, isTTY: true }],
    ['NO_COLOR is set and FORCE_COLOR too', { env: { NO_COLOR: '1', FORCE_COLOR: '1' }, isTTY: true }],
    ['the terminal is dumb', { env: { TERM: 'dumb' }, isTTY: true }],
    ['the stream is no terminal', { env: { FORCE_COLOR: '1' }, isTTY: false }],
  ])('never paints when %s', (_, options) => {
    expect(captureTerminal(options).data.paint('bad', 'OPEN')).toBe('OPEN');
  });

  test('clears the screen of a terminal only', () => {
    const file = captureTerminal();
    file.data.clearScreen();
    expect(file.stdout()).toBe('');
    const screen = captureTerminal({ isTTY: true });
    screen.data.clearScreen();
    expect(screen.stdout()).not.toBe('');
  });
});

describe('a question', () => {
  const ask = async (typed: string, isTTY = true) => {
    const written: string[] = [];
    const stderr = { isTTY, write: (text: string) => written.push(text) };
    const terminal = createTerminal({ write: () => undefined }, stderr, {}, () => Readable.from([typed]));
    return { answer: await terminal.confirm?.('Install \u001b[2Jlab?'), written };
  };

  test.each(['y\n', 'Y\n', 'yes\n', ' YES \nno\n'])('is answered with yes by %j', async (typed) => {
    expect(await ask(typed)).toEqual({ answer: true, written: ['Install \\u001b[2Jlab? [y/N] '] });
  });

  test.each(['\n', 'n\n', 'yesterday\n', '', 'no\ny\n'])('is answered with no by %j', async (typed) => {
    expect(await ask(typed)).toMatchObject({ answer: false });
  });

  test('is not asked where nobody can read it or answer', async () => {
    expect(await ask('y\n', false)).toEqual({ answer: undefined, written: [] });
    const { confirm } = createTerminal({ write: () => undefined }, { isTTY: true, write: () => undefined }, {});
    expect(confirm).toBeUndefined();
  });
});

test('no control character except line feeds and own colors reaches a terminal', () => {
  const hostile = 'a\u001b[2J\u009b31m\u202e\nb';
  const [file, screen] = [captureTerminal(), captureTerminal({ isTTY: true })];
  file.data.line(`\u001b[32mgreen ${hostile}`);
  expect(file.stdout()).toBe('\\u001b[32mgreen a\\u001b[2J\\u009b31m\\u202e\nb\n');
  screen.data.line(screen.data.paint('good', hostile));
  expect(screen.stdout()).toBe('\u001b[32ma\\u001b[2J\\u009b31m\\u202e\nb\u001b[39m\n');
});
