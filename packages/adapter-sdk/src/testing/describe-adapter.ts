import { join } from 'node:path';
import type { DefinedAdapter } from '../definition.ts';
import { findPackage } from './adapter-package.ts';
import { CHECKS } from './checks.ts';
import { packageSubject } from './definition-subject.ts';
import { assertKit, type Kit, readKit } from './kit.ts';
import { runCheck } from './verification.ts';

/** Enough for the slowest check, heap, on a busy machine. */
const CHECK_TIMEOUT_MS = 60_000;

/** `describe` and `it` of vitest, node:test, and other runners whose second parameter has the options. */
export interface TestFunctions {
  describe(name: string, body: () => void): unknown;
  it(name: string, options: { readonly timeout: number }, body: () => Promise<void>): unknown;
}

/** Options of {@link describeAdapter}. */
export interface DescribeAdapterOptions extends TestFunctions {
  /** `import.meta.url` of the test: its package.json and `verify.json` are read. */
  readonly package: string;
  /** Absent: the export of the manifest's entry; build the package first. */
  readonly definition?: DefinedAdapter;
  /** Absent: `verify.json` next to package.json. */
  readonly kit?: Kit;
}

/**
 * Runs the testing kit in a test file: one test per check, against a stand-in on 127.0.0.1 that fails on demand. For vitest
 * and node:test:
 *
 * ```ts
 * import { describe, it } from 'vitest'; // or 'node:test'
 * import { describeAdapter } from '@hms-sync/adapter-sdk/testing';
 * import definition from './adapter.ts';
 *
 * describeAdapter({ describe, it, package: import.meta.url, definition });
 * ```
 */
export function describeAdapter({ describe, it, package: place, definition, kit }: DescribeAdapterOptions): void {
  const options = once(async () => {
    const found = await findPackage(place);
    if (kit !== undefined) assertKit(kit, 'kit');
    return {
      subject: packageSubject(found, definition),
      kit: kit ?? (await readKit(join(found.folder, 'verify.json'))),
    };
  });
  describe('the adapter, tested by the kit of HMS-Sync', () => {
    for (const check of CHECKS) {
      it(check.title, { timeout: CHECK_TIMEOUT_MS }, async () => runCheck(check, await options()));
    }
  });
}

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
