import { join } from 'node:path';
import type { DefinedAdapter } from '../definition.ts';
import { findPackage } from './adapter-package.ts';
import { CHECKS } from './checks.ts';
import { packageSubject } from './definition-subject.ts';
import { assertKit, type Kit, readKit } from './kit.ts';
import { runCheck } from './verification.ts';

/** More than any check takes, heap among them, on a machine that is busy. */
const CHECK_TIMEOUT_MS = 60_000;

/** What `describe` and `it` of a test runner have in common: vitest, node:test and jest-likes with options second. */
export interface TestFunctions {
  describe(name: string, body: () => void): unknown;
  it(name: string, options: { readonly timeout: number }, body: () => Promise<void>): unknown;
}

/** What is verified. */
export interface DescribeAdapterOptions extends TestFunctions {
  /** `import.meta.url` of the test: its package.json and `verify.json` are read. */
  readonly package: string;
  /** Absent: what the manifest's entry exports, which has to be built if it is built. */
  readonly definition?: DefinedAdapter;
  /** Absent: `verify.json` beside package.json. */
  readonly kit?: Kit;
}

/**
 * The testing kit in an author's own test file: one test for each promise that an adapter makes to a hub, against a
 * system on 127.0.0.1 that fails on demand. With vitest as with node:test:
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
  describe('an adapter, by the testing kit of HMS-Sync', () => {
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
