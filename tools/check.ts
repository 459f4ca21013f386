/**
 * `npm run check`: all of `npm run verify` but the tests. Stops at the first step that fails, so that the last output on
 * the screen is the one to read.
 */
import { nx } from './nx.ts';

interface Step {
  readonly title: string;
  /** What to type to run this step alone, and what nx runs for it. */
  readonly command: string;
  readonly targets: readonly string[];
}

const steps: readonly Step[] = [
  { title: 'format, lint, import boundaries', command: 'npm run lint', targets: ['lint', 'boundaries'] },
  { title: 'types', command: 'npm run typecheck', targets: ['typecheck'] },
  { title: 'contracts: style', command: 'npx nx buf-lint tools', targets: ['buf-lint'] },
  { title: 'contracts: nothing breaks', command: 'npx nx buf-breaking tools', targets: ['buf-breaking'] },
  { title: 'contracts: generated code is current', command: 'npm run generate', targets: ['generated'] },
  { title: 'packages: built, and fit to publish', command: 'npm run package', targets: ['package'] },
  { title: 'nothing unused, nothing undeclared', command: 'npx nx unused tools', targets: ['unused'] },
];

for (const [index, { title, command, targets }] of steps.entries()) {
  console.log(`\n── ${index + 1}/${steps.length} ${title} ──`);
  const exitCode = await nx(['run-many', '--target', targets.join(',')]);
  if (exitCode !== 0) {
    console.error(`\n${title}: failed (above). Alone: ${command}`);
    process.exit(1);
  }
}
console.log('\nAll checks passed.');
