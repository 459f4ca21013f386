import { describe, expect, test } from 'vitest';
import { runInProcess } from '../test/run-in-process.ts';
import { ExitCode } from './failure.ts';

describe('wrong usage', () => {
  test.each([
    [['event', 'publish'], '--type is missing'],
    [['event', 'publish', '--tpye', 'T'], 'Did you mean --type?'],
    [['event', 'publsh'], 'Did you mean `hms-sync event publish`?'],
    [['event', 'publish', '--type', 'T', '--until', 'never'], 'Allowed choices are accepted, first-attempt, settled'],
    [['event', 'publish', '--type', 'T', '--address', 'ftp://hub'], 'Write it as http://host:port'],
    [['event', 'publish', '--type', 'T', '--timeout', '10'], 'Write it as 500ms, 30s, 5m or 2h, or none'],
    [['event', 'publish', '--type', 'T', '--timeout', '0s'], 'Write it as 500ms, 30s, 5m or 2h, or none'],
    [['dev', '--port', '70000'], 'A port is a whole number from 0 to 65535'],
    [['event', 'show'], "missing required argument 'id'"],
    [[], 'Usage: hms-sync'],
  ])('%j ends with 2 and reports what is wrong', async (args, said) => {
    const ended = await runInProcess(...args);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(said);
    expect(ended.stderr()).not.toMatch(/^\s+at /m);
    expect(ended.stdout()).toBe('');
  });

  test.each([[['--help']], [['event', 'publish', '--help']], [['--version']]])('%j is not an error', async (args) => {
    const ended = await runInProcess(...args);
    expect(ended.exitCode).toBe(ExitCode.ok);
    expect(ended.stdout()).not.toBe('');
  });
});
