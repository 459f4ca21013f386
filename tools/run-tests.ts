/**
 * `npm test`: every project's tests through nx, then, as the last line, how many passed and failed. What follows `--`
 * goes to nx: `npm test -- --projects=@hms-sync/cli` runs one project, `-- --skip-nx-cache` also what has not changed.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nx, projectsOf } from './nx.ts';
import { reportPath, summarizeTests } from './summarize-tests.ts';

const run = ['run-many', '--target=test', ...process.argv.slice(2)];
const projects = await projectsOf(run);

// A report of an earlier run counts for nothing: nx puts back those of projects that it takes from its cache.
await Promise.all(projects.map(({ folder }) => rm(join(folder, reportPath), { force: true })));

const exitCode = await nx(run);
const { passed, failures } = await summarizeTests(projects);

// Such as an error that nothing caught, after the tests had passed.
const unexplained =
  exitCode !== 0 && failures.length === 0 ? ['nx failed though every report is green: see above'] : [];
const failed = [...failures, ...unexplained];

if (failed.length > 0) console.log(`\nFailed:\n${failed.map((line) => `  ${line}`).join('\n')}`);
console.log(`\n${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
