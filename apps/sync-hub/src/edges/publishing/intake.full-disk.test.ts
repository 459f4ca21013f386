import { create } from '@bufbuild/protobuf';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { expect, it } from 'vitest';
import { openInlineJournal } from '../../journal/sqlite/inline-journal.ts';
import { RequestError } from '../request-error.ts';
import { Intake, type IntakeOptions } from './intake.ts';

/** With the numbers of the journal in memory. */
const FULL =
  "0 MiB are free on the disk of the hub's data folder, and diskReserve keeps 64 MiB for events that were accepted before: " +
  'make room there, or set a smaller diskReserve';

const published = (id = 'event-1') => create(SyncEventSchema, { id, type: 'ProcessUpdated' });

function open(changes: Partial<IntakeOptions> = {}) {
  const journal = openInlineJournal();
  const clocks = { wallMs: () => 1_790_000_000_500, nowMs: () => 0 };
  const options = { journal, place: () => new Map(), eventBytesMax: 16, ...clocks };
  return { intake: new Intake({ ...options, ...changes }), journal };
}

async function rejectionOf(accepting: Promise<unknown>): Promise<RequestError> {
  const error = await accepting.catch((thrown: unknown) => thrown);
  if (!(error instanceof RequestError)) throw new Error(`not refused but ${error}`);
  return error;
}

it('refuses new events while the disk is full, and still knows the old ones', async () => {
  const { intake, journal } = open();
  await intake.accept(published());
  journal.control.isFull = true;
  expect(await rejectionOf(intake.accept(published('event-2')))).toMatchObject({
    reason: 'JOURNAL_FULL',
    message: `${FULL}; publish again with the same id once there is room`,
    retryAfterMs: 30_000,
  });
  expect((await intake.accept(published())).duplicate).toBe(true);
  expect(intake.notAcceptingReason).toBe(FULL);
  journal.control.isFull = false;
  await intake.accept(published('event-2'));
  expect(intake.notAcceptingReason).toBe('');
});

it('is ready again after the time that it named, even if nobody publishes to a hub that is not', async () => {
  let nowMs = 0;
  const { intake, journal } = open({ nowMs: () => nowMs });
  journal.control.isFull = true;
  const { retryAfterMs } = await rejectionOf(intake.accept(published()));
  nowMs = (retryAfterMs ?? 0) - 1;
  expect(intake.notAcceptingReason).toBe(FULL);
  nowMs += 1;
  expect(intake.notAcceptingReason).toBe('');
});
