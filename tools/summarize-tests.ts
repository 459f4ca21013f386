import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import type { Project } from './nx.ts';

/** Where every project's vitest leaves its report (vitest.shared.ts), in the project's folder. */
export const reportPath = '.reports/vitest.json';

/** The part of vitest's JSON report that is added up. */
const Report = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).default([]) }),
      ),
    }),
  ),
});
type Report = z.infer<typeof Report>;

export interface Summary {
  readonly passed: number;
  /** One line for each failure. */
  readonly failures: readonly string[];
}

/** Adds up the reports of one run. A project without a report, or whose report cannot be read, is one failure. */
export async function summarizeTests(projects: readonly Project[]): Promise<Summary> {
  const summaries = await Promise.all(projects.map(summarizeProject));
  return {
    passed: summaries.reduce((sum, { passed }) => sum + passed, 0),
    failures: summaries.flatMap(({ failures }) => failures),
  };
}

async function summarizeProject({ name, folder }: Project): Promise<Summary> {
  const text = await readFile(join(folder, reportPath), 'utf8').catch(() => undefined);
  if (text === undefined) return lost(`${name}: its tests left no report in ${reportPath}; its output above says why`);

  const report = parse(text);
  if (report === undefined) return lost(`${name}: ${reportPath} is no report of vitest`);

  const failures = report.testResults.flatMap((file) => failuresOf(name, folder, file));
  if (report.numPassedTests + failures.length === 0) return lost(`${name}: ran no test`);
  return { passed: report.numPassedTests, failures };
}

function parse(text: string): Report | undefined {
  try {
    return Report.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A file that broke outside its tests (an import, a hook) failed without a failed test: it counts as one. */
function failuresOf(project: string, folder: string, file: Report['testResults'][number]): string[] {
  const where = `${project}: ${relative(folder, file.name)}`;
  const tests = file.assertionResults.filter(({ status }) => status === 'failed');
  if (tests.length > 0) {
    return tests.map(({ fullName, failureMessages: [why = ''] }) => `${where}: ${fullName}: ${firstLine(why)}`);
  }
  return file.status === 'failed' ? [`${where}: ${firstLine(file.message)}`] : [];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function lost(failure: string): Summary {
  return { passed: 0, failures: [failure] };
}
