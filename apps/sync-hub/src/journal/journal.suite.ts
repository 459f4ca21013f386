import { describe } from 'vitest';
import { acceptingSuite } from './suite/accepting.suite.ts';
import { closingSuite } from './suite/closing.suite.ts';
import { countingSuite } from './suite/counting.suite.ts';
import { decidingSuite } from './suite/deciding.suite.ts';
import { lanesSuite } from './suite/lanes.suite.ts';
import { listingSuite } from './suite/listing.suite.ts';
import type { CreatePlace } from './suite/place.fixture.ts';
import { pruningSuite } from './suite/pruning.suite.ts';
import { readySuite } from './suite/ready.suite.ts';
import { recordingSuite } from './suite/recording.suite.ts';
import { replayingSuite } from './suite/replaying.suite.ts';

/** What every journal keeps. Runs unchanged over each implementation of the port. */
export function describeJournal(name: string, createPlace: CreatePlace): void {
  describe(name, () => {
    describe('accepting', () => acceptingSuite(createPlace));
    describe('recording', () => recordingSuite(createPlace));
    describe('what is ready', () => readySuite(createPlace));
    describe('lanes', () => lanesSuite(createPlace));
    describe('counting', () => countingSuite(createPlace));
    describe('listing', () => listingSuite(createPlace));
    describe('deciding', () => decidingSuite(createPlace));
    describe('replaying', () => replayingSuite(createPlace));
    describe('pruning', () => pruningSuite(createPlace));
    describe('closing', () => closingSuite(createPlace));
  });
}
