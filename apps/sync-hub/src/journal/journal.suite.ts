import { describe } from 'vitest';
import { acceptingSuite } from './suite/accepting.suite.ts';
import { closingSuite } from './suite/closing.suite.ts';
import { countingSuite } from './suite/counting.suite.ts';
import { fetchingSuite } from './suite/fetching.suite.ts';
import type { CreatePlace } from './suite/place.suite.ts';
import { recordingSuite } from './suite/recording.suite.ts';

/** What every journal keeps. Runs unchanged over each implementation of the port. */
export function describeJournal(name: string, createPlace: CreatePlace): void {
  describe(name, () => {
    describe('accepting', () => acceptingSuite(createPlace));
    describe('recording', () => recordingSuite(createPlace));
    describe('fetching', () => fetchingSuite(createPlace));
    describe('counting', () => countingSuite(createPlace));
    describe('closing', () => closingSuite(createPlace));
  });
}
