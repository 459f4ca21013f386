import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { reportPath, summarizeTests } from './summarize-tests.ts';

const folders: string[] = [];

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** A project in a new folder, with this text as its report, or without one. */
async function project(name: string, report?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-report-'));
  folders.push(folder);
  if (report !== undefined) {
    await mkdir(dirname(join(folder, reportPath)));
    await writeFile(join(folder, reportPath), report);
  }
  return { name, folder };
}

function report(numPassedTests: number, ...testResults: unknown[]): string {
  return JSON.stringify({ numPassedTests, testResults });
}

const failedTest = {
  name: '/a/lane.test.ts',
  status: 'failed',
  message: '',
  assertionResults: [
    { status: 'failed', fullName: 'a lane keeps order', failureMessages: ['Error: 2 came before 1\n  at x'] },
    { status: 'passed', fullName: 'a lane is bounded' },
  ],
};
const brokenFile = { name: '/a/b.test.ts', status: 'failed', message: 'Cannot find x\nat y', assertionResults: [] };

describe('the sum of all tests', () => {
  test('adds up what passed in every project', async () => {
    const projects = [await project('a', report(3)), await project('b', report(4))];
    expect(await summarizeTests(projects)).toEqual({ passed: 7, failures: [] });
  });

  test('names every failed test', async () => {
    const { passed, failures } = await summarizeTests([await project('a', report(1, failedTest))]);
    expect(passed).toBe(1);
    expect(failures).toEqual([
      expect.stringMatching(/^a: .*lane\.test\.ts: a lane keeps order: Error: 2 came before 1$/),
    ]);
  });

  test('counts a file that broke before its first test as one failure', async () => {
    const { failures } = await summarizeTests([await project('a', report(1, brokenFile))]);
    expect(failures).toEqual([expect.stringMatching(/b\.test\.ts: Cannot find x$/)]);
  });

  test('counts a project without a report as one failure', async () => {
    const projects = [await project('a', report(2)), await project('b')];
    expect(await summarizeTests(projects)).toEqual({ passed: 2, failures: [expect.stringMatching(/^b: .*no report/)] });
  });

  test.each(['{', '[]', 'null'])('counts a project whose report reads %s as one failure', async (text) => {
    const { failures } = await summarizeTests([await project('a', text)]);
    expect(failures).toEqual(['a: .reports/vitest.json is no report of vitest']);
  });

  test('counts a project that ran no test as one failure', async () => {
    expect(await summarizeTests([await project('a', report(0))])).toEqual({ passed: 0, failures: ['a: ran no test'] });
  });
});
