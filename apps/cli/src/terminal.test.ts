import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';

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

test('no control character except line feeds and own colors reaches a terminal', () => {
  const hostile = 'a\u001b[2J\u009b31m\u202e\nb';
  const [file, screen] = [captureTerminal(), captureTerminal({ isTTY: true })];
  file.data.line(`\u001b[32mgreen ${hostile}`);
  expect(file.stdout()).toBe('\\u001b[32mgreen a\\u001b[2J\\u009b31m\\u202e\nb\n');
  screen.data.line(screen.data.paint('good', hostile));
  expect(screen.stdout()).toBe('\u001b[32ma\\u001b[2J\\u009b31m\\u202e\nb\u001b[39m\n');
});
