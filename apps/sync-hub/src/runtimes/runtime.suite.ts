import { describe } from 'vitest';
import { closingSuite } from './suite/closing.suite.ts';
import { deliveringSuite } from './suite/delivering.suite.ts';
import type { CreateRuntime } from './suite/opener.fixture.ts';
import { startingSuite } from './suite/starting.suite.ts';

/** What every runtime keeps, whatever its adapter does. Runs unchanged over each implementation of the port. */
export function describeRuntime(name: string, createRuntime: CreateRuntime): void {
  describe(name, () => {
    describe('starting', () => startingSuite(createRuntime));
    describe('delivering', () => deliveringSuite(createRuntime));
    describe('closing', () => closingSuite(createRuntime));
  });
}
