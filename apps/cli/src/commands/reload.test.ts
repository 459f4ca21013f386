import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const nothing = { changed: [], needsRestart: [], warnings: [] };

test.each([
  [nothing, 'nothing changed\n', ''],
  [{ ...nothing, changed: ['auth.tokens', 'tls'] }, 'in force: auth.tokens, tls\n', ''],
  [
    { changed: ['auth.jwt'], needsRestart: ['listen'], warnings: ['the keys of x could not be read'] },
    'in force: auth.jwt\n',
    'Changed in the file, and in force after a restart: listen\nthe keys of x could not be read\n',
  ],
])('prints what is in force, and what is not: %j', async (answer, stdout, stderr) => {
  fake = await startFakeHub({ access: { reload: () => answer } });
  const outcome = await runInProcess('reload', '--address', fake.address);
  expect([outcome.exitCode, outcome.stdout(), outcome.stderr()]).toEqual([ExitCode.ok, stdout, stderr]);
});

test('fails with what is wrong in the file', async () => {
  const wrong = new ConnectError('hms-sync.yaml: listen must be host:port', Code.FailedPrecondition);
  fake = await startFakeHub({
    access: {
      reload: () => {
        throw wrong;
      },
    },
  });
  const outcome = await runInProcess('reload', '--address', fake.address, '--json');
  expect([outcome.exitCode, outcome.stdout()]).toEqual([ExitCode.failed, '']);
  expect(outcome.stderr()).toContain('hms-sync.yaml: listen must be host:port');
});
