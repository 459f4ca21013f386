import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { printable } from './terminal.ts';

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

describe('printable', () => {
  test('takes out what could move the cursor or fake other lines', () => {
    expect(printable('ok\u001b[2J\r\nhms-sync: fake\u0007\u009b31m')).toBe('ok hms-sync: fake');
  });

  test('keeps letters of any script', () => {
    expect(printable('Überweisung 予約 ✓')).toBe('Überweisung 予約 ✓');
  });
});
