import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commandLine, hubText } from './advice.ts';

afterEach(() => vi.unstubAllEnvs());

describe('a command line to paste', () => {
  test.each([
    ['hms-sync job watch j-1', ['job', 'watch', 'j-1'], undefined],
    ['hms-sync health', ['health'], 'http://127.0.0.1:7003'],
    ['hms-sync health --address http://hub:7010', ['health'], 'http://hub:7010'],
    [
      "hms-sync adapter resume billing --reason 'the cause is fixed'",
      ['adapter', 'resume', 'billing', '--reason', 'the cause is fixed'],
      undefined,
    ],
  ])('%s', (line, words, address) => {
    expect(commandLine(words, address)).toBe(line);
  });

  test('has no --address when the environment sets it', () => {
    vi.stubEnv('HMS_SYNC_ADDRESS', 'hub:7010');
    expect(commandLine(['health'], 'http://hub:7010')).toBe('hms-sync health');
    expect(commandLine(['health'], 'http://127.0.0.1:7003')).toBe('hms-sync health --address http://127.0.0.1:7003');
  });

  test('goes through npx where the command came from npm', () => {
    vi.stubEnv('npm_lifecycle_event', 'npx');
    expect(commandLine(['health'])).toBe('npx hms-sync health');
  });

  test('is quoted, so that each word reaches the command unchanged', () => {
    const words = ['event', 'show', `it's "$HOME" \`id\` \\ *;&|<>#~ !`, ''];
    const line = commandLine(words).replace('hms-sync', `printf '%s\\n'`);
    expect(execFileSync('sh', ['-c', line]).toString().split('\n').slice(0, 4)).toEqual(words);
  });
});

describe('a command that a hub proposes', () => {
  const address = 'http://127.0.0.1:7010';
  test.each([
    [
      "to resume it, hms-sync adapter resume lab --reason '<why>'",
      "to resume it, hms-sync adapter resume --address X lab --reason '<why>'",
    ],
    [
      'restart it: hms-sync adapter restart lab; or wait',
      'restart it: hms-sync adapter restart --address X lab; or wait',
    ],
    ['add one (hms-sync adapter add --help)', 'add one (hms-sync adapter add --address X --help)'],
    ['hms-sync journal verify', 'hms-sync journal verify'],
    ['name it in hms-sync.yaml', 'name it in hms-sync.yaml'],
    ['@hms-sync/adapter-lab is broken', '@hms-sync/adapter-lab is broken'],
  ])('%s', (text, asked) => {
    expect(hubText(text, address)).toBe(asked.replace('X', address));
    expect(hubText(text, 'http://127.0.0.1:7003')).toBe(text);
  });

  test('goes through npx where the command came from npm', () => {
    vi.stubEnv('npm_lifecycle_event', 'npx');
    expect(hubText('hms-sync health')).toBe('npx hms-sync health');
  });
});
