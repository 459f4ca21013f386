import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { root } from './root.ts';

/** Ends the output of `npm test` with the list of what failed, and as its last line how many passed and failed. */
export default class TestTotal implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { readonly message: string }[]): void {
    const passed = modules.flatMap((module) => [...module.children.allTests('passed')]).length;
    const failures = [
      ...modules.flatMap(failuresOf),
      ...unhandled.map(({ message }) => `outside any test: ${message}`),
    ];
    if (failures.length > 0) console.log(`\nFailed:\n${failures.map((line) => `  ${firstLine(line)}`).join('\n')}`);
    console.log(`\n${passed} passed, ${failures.length} failed`);
  }
}

/** A file that failed outside its tests (an import, a hook) has no failed test: each of its errors counts as one. */
function failuresOf(module: TestModule): string[] {
  const file = relative(root, module.moduleId);
  const tests = [...module.children.allTests('failed')].map(
    (test) => `${file}: ${test.fullName}: ${test.result().errors?.[0]?.message}`,
  );
  const suites = [module, ...module.children.allSuites()];
  return [...tests, ...suites.flatMap((suite) => suite.errors().map(({ message }) => `${file}: ${message}`))];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
