import { describe, expect, test } from 'vitest';
import { runInProcess } from '../test/run-in-process.ts';
import { ExitCode } from './failure.ts';

describe('a command that does not exist is rejected, with the nearest one', () => {
  test.each([
    // A verb without its noun.
    [['pause', 'billing'], 'Did you mean `hms-sync adapter pause billing`?'],
    [['resume', 'billing', '--reason', 'r'], 'Did you mean `hms-sync adapter resume billing`?'],
    [['publish', '--type', 'T'], 'Did you mean `hms-sync event publish`?'],
    [['tail'], 'Did you mean `hms-sync event tail`?'],
    [['replay', '--dry-run'], 'Did you mean `hms-sync delivery replay`?'],
    [['backup', '2026-01-31'], 'Did you mean `hms-sync journal backup 2026-01-31`?'],
    [
      ['list'],
      'Did you mean `hms-sync delivery list` or `hms-sync adapter list` or `hms-sync hub list` or `hms-sync token list` or `hms-sync audit list` or `hms-sync context list`?',
    ],
    // A noun by another name.
    [['deliveries'], 'Did you mean `hms-sync delivery list`?'],
    [['events', 'show', 'e-1'], 'Did you mean `hms-sync event show e-1`?'],
    [['acks', 'watch'], 'Did you mean `hms-sync event watch` or `hms-sync job watch`?'],
    [['jobs'], '"job" has show, watch, cancel.'],
    // A slip.
    [['helth'], 'Did you mean `hms-sync health`?'],
    [['publsh'], 'Did you mean `hms-sync event publish`?'],
    [['adapter', 'puase', 'billing'], 'Did you mean `hms-sync adapter pause billing`?'],
    // Nothing is near.
    [['job', 'j-1', '--watch'], '"job" has show, watch, cancel.'],
    [['x'.repeat(5_000)], '`hms-sync --help` lists the commands.'],
  ])('%j', async (args, proposal) => {
    const ended = await runInProcess(...args);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(proposal);
    expect(ended.stdout()).toBe('');
  });

  test('and option values, which may be a payload, are not repeated', async () => {
    const ended = await runInProcess('publish', '--data', '{"patient":"Doe"}');
    expect(ended.stderr()).not.toContain('Doe');
  });
});
