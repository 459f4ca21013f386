import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { describe, expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import { JournalError } from '../../journal/journal-error.ts';
import { openInlineJournal } from '../../journal/sqlite/inline-journal.ts';
import { RequestError } from '../request-error.ts';
import { Admission } from './admission.ts';
import { Intake, type IntakeOptions } from './intake.ts';

const published = (init: MessageInitShape<typeof SyncEventSchema> = {}) =>
  create(SyncEventSchema, { id: 'event-1', type: 'ProcessUpdated', key: 'process-7', ...init });
const bytes = (value: Uint8Array) => ({ case: 'data', value }) as const;
const text = (json: string) => bytes(new TextEncoder().encode(json));

/** An intake before a journal in memory. */
function open(changes: Partial<IntakeOptions> = {}) {
  const events: AcceptedEvent[] = [];
  const journal = openInlineJournal();
  journal.subscribe({ committed: (commit) => void events.push(...commit.events), ended: () => undefined });
  void journal.setReceivers(['billing', 'records']);
  const options = {
    journal,
    place: () =>
      new Map([
        ['billing', 7],
        ['labs', 3],
      ]),
    eventBytesMax: 16,
    wallMs: () => 1_790_000_000_500,
    nowMs: () => 0,
  };
  return { intake: new Intake({ ...options, ...changes }), journal, events };
}

const readEvent = async () => ({ kind: 'unknown' }) as const;

const rejectionOf = async (accepting: Promise<unknown>): Promise<RequestError> => {
  const error = await accepting.catch((thrown: unknown) => thrown);
  if (!(error instanceof RequestError)) throw new Error(`not refused but ${error}`);
  return error;
};

describe('an event that is well', () => {
  it('is on disk with a delivery for each adapter when it is accepted', async () => {
    const { intake, journal } = open();
    const accepted = await intake.accept(published());
    expect(accepted).toMatchObject({
      duplicate: false,
      place: new Map([
        ['billing', 7],
        ['labs', 3],
      ]),
      heldByKey: [],
      event: { seq: 1, acceptedAtMs: 1_790_000_000_500 },
    });
    expect(await journal.readEvent({ id: 'event-1' })).toMatchObject({
      deliveries: [
        { adapter: 'billing', state: 'waiting' },
        { adapter: 'records', state: 'waiting' },
      ],
    });
  });

  it('comes into the journal in the order of the calls, refused ones and slow answers between', async () => {
    const { intake, events } = open();
    const ids = Array.from({ length: 50 }, (_, index) => `event-${index}`);
    await Promise.allSettled(
      ids.flatMap((id, index) => [
        intake.accept(published({ id })),
        ...(index % 3 === 0 ? [intake.accept(published({ id, type: '' }))] : []),
      ]),
    );
    expect(events.map(({ id }) => id)).toEqual(ids);
  });

  it('is not accepted before the commit', async () => {
    const { intake, journal } = open();
    journal.control.hold();
    let isAccepted = false;
    const accepting = intake.accept(published()).then(() => {
      isAccepted = true;
    });
    await new Promise(setImmediate);
    expect(isAccepted).toBe(false);
    journal.control.release();
    await accepting;
  });
});

describe('an id that was used before', () => {
  it('with the same content gives the event of then, whatever the clock and the trace say now', async () => {
    let nowMs = 1_000;
    const { intake, events } = open({ wallMs: () => nowMs });
    const first = await intake.accept(published({ attributes: { traceparent: 'a' } }));
    nowMs = 2_000;
    const second = await intake.accept(published({ attributes: { traceparent: 'b' } }));
    expect(second).toEqual({ ...first, duplicate: true, place: new Map([['labs', 3]]) });
    expect(events).toHaveLength(1);
  });

  it('is another event when another source says it, the empty source among them', async () => {
    const { intake, events } = open();
    const sources = ['', 'clinic-1', 'clinic-2'];
    for (const source of sources) expect((await intake.accept(published({ source }))).duplicate).toBe(false);
    for (const source of sources) expect((await intake.accept(published({ source }))).duplicate).toBe(true);
    expect(events.map(({ id, source }) => [id, source])).toEqual(sources.map((source) => ['event-1', source]));
  });

  it('with other content is refused, and changes nothing', async () => {
    const { intake, journal } = open();
    await intake.accept(published());
    const rejection = await rejectionOf(intake.accept(published({ key: 'process-8' })));
    expect(rejection).toMatchObject({ reason: 'EVENT_ID_CONFLICT', fields: [{ field: 'event.id' }] });
    expect(rejection.message).toContain('the id event-1 of the empty source was accepted before');
    expect(await journal.readEvent({ id: 'event-1' })).toMatchObject({ event: { key: 'process-7' } });
  });
});

describe('an event that is not well', () => {
  it('is refused with each wrong field by its path, and nothing is written', async () => {
    const { intake, events } = open();
    const rejection = await rejectionOf(intake.accept(published({ type: '', key: 'k'.repeat(257), id: 'hunter 2' })));
    expect(rejection.reason).toBe('EVENT_INVALID');
    expect(rejection.fields.map(({ field }) => field)).toEqual(['event.id', 'event.type', 'event.key']);
    for (const { field, description } of rejection.fields)
      expect(rejection.message).toContain(`${field} ${description}`);
    expect(rejection.message).not.toContain('hunter');
    expect(await rejectionOf(intake.accept(undefined))).toMatchObject({ fields: [{ field: 'event' }] });
    expect(events).toEqual([]);
  });

  it('is refused one byte past the bound and taken at it', async () => {
    const { intake } = open();
    await intake.accept(published({ payload: text('"fourteen chars"') }));
    const rejection = await rejectionOf(
      intake.accept(published({ id: 'event-2', payload: bytes(new Uint8Array(17)) })),
    );
    expect(rejection).toMatchObject({
      reason: 'EVENT_TOO_LARGE',
      retryAfterMs: undefined,
      fields: [{ field: 'event.data', description: expect.stringContaining('is 17 bytes, at most 16') }],
    });
  });
});

describe('content under a used id', () => {
  const LARGE = { eventBytesMax: 1_000 };

  it.each([
    ['{"a":1,"b":[1.0,{"c":100}]}', ' { "b" : [1, {"c":1E2}], "a":10e-1 }'],
    ['{"n":9007199254740993}', '{"n":9007199254740993.0}'],
    ['0.10', '0.1'],
    ['-0', '0'],
  ])('is the same when it says the same: %s and %s', async (first, again) => {
    const { intake, events } = open(LARGE);
    await intake.accept(published({ payload: text(first) }));
    expect(await intake.accept(published({ payload: text(again) }))).toMatchObject({ duplicate: true });
    // What came first is what is delivered, as it was written.
    expect(events.map(({ data }) => new TextDecoder().decode(data))).toEqual([first]);
  });

  it('is the same whichever way it was published', async () => {
    const { intake } = open(LARGE);
    await intake.accept(published({ payload: { case: 'json', value: { b: 1, a: 0.1 } } }));
    const again = published({ payload: text('{"b":1.0, "a":0.10}') });
    expect(await intake.accept(again)).toMatchObject({ duplicate: true });
  });

  it.each([
    ['{"n":9007199254740993}', '{"n":9007199254740992}', ''],
    ['1e400', '1e401', ''],
    ['[1,2]', '[2,1]', ''],
    ['{"a":"1"}', '{"a":1}', ''],
    ['{"a":1}', '{"a":1.0}', 'text/plain'],
  ])('is another when it says something else: %s and %s', async (first, again, dataContentType) => {
    const { intake, events } = open(LARGE);
    await intake.accept(published({ payload: text(first), dataContentType }));
    const rejection = await rejectionOf(intake.accept(published({ payload: text(again), dataContentType })));
    expect(rejection.reason).toBe('EVENT_ID_CONFLICT');
    expect(events).toHaveLength(1);
  });

  it('is another when anything beside the data differs', async () => {
    const { intake } = open(LARGE);
    await intake.accept(published({ payload: text('{"a":1}') }));
    const other = published({ payload: text('{"a":1.0}'), key: 'another' });
    expect((await rejectionOf(intake.accept(other))).reason).toBe('EVENT_ID_CONFLICT');
  });
});

describe('data that is not JSON', () => {
  it.each([
    ['without a content type', '', 'hunter2'],
    ['that calls itself JSON', 'application/json; charset=utf-8', '{"a":'],
    ['that calls itself JSON of some kind', 'application/fhir+json', ''.padEnd(9, 'x')],
    ['with a byte order mark', '', '\ufeff{}'],
    ['nested too deep', '', '['.repeat(65).concat(']'.repeat(65))],
  ])('is refused %s, without a word of it', async (_how, dataContentType, data) => {
    const { intake, events } = open({ eventBytesMax: 1_000 });
    const rejection = await rejectionOf(intake.accept(published({ payload: text(data), dataContentType })));
    expect(rejection).toMatchObject({ reason: 'EVENT_INVALID', fields: [{ field: 'event.data' }] });
    expect(rejection.message).not.toContain(data);
    expect(events).toEqual([]);
  });

  it('is refused with the place when it is not UTF-8', async () => {
    const payload = bytes(Buffer.from('{"a":"José"}', 'latin1'));
    expect((await rejectionOf(open().intake.accept(published({ payload })))).message).toContain('byte offset 9');
  });

  it.each(['application/octet-stream', 'text/plain', 'application/x-ndjson'])('is taken as %s', async (type) => {
    const payload = bytes(Uint8Array.of(0xff, 0, 1));
    await expect(open().intake.accept(published({ payload, dataContentType: type }))).resolves.toBeDefined();
  });
});

describe('a hub that cannot take events', () => {
  it('refuses everything once it stops, with when to try again', async () => {
    const { intake, events } = open();
    expect(intake.notAcceptingReason).toBe('');
    intake.stop();
    expect(intake.notAcceptingReason).toBe('the hub is stopping');
    expect(await rejectionOf(intake.accept(published()))).toMatchObject({
      reason: 'HUB_STOPPING',
      retryAfterMs: 2_000,
    });
    expect(events).toEqual([]);
  });

  it('still answers for what was handed in before it stopped', async () => {
    const { intake } = open();
    const accepting = intake.accept(published());
    intake.stop();
    expect((await accepting).event.seq).toBe(1);
  });

  it('refuses while the journal is stuck, before anything is written, and drops nothing that it let in', async () => {
    let nowMs = 0;
    const admission = new Admission({ nowMs: () => nowMs, random: () => 0.5 });
    const { intake, journal, events } = open({ admission });
    journal.control.hold();
    const accepting = [intake.accept(published()), intake.accept(published({ id: 'event-2' }))];
    nowMs = 4_000;
    expect(await rejectionOf(intake.accept(published({ id: 'event-3' })))).toMatchObject({
      reason: 'HUB_OVERLOADED',
      retryAfterMs: 6_000,
    });
    expect(intake.notAcceptingReason).toContain('stuck');
    journal.control.release();
    await Promise.all(accepting);
    expect(intake.notAcceptingReason).toBe('');
    await intake.accept(published({ id: 'event-3' }));
    expect(events.map(({ id }) => id)).toEqual(['event-1', 'event-2', 'event-3']);
  });

  it('accepts again after a journal that answered with an error', async () => {
    const admission = new Admission({ nowMs: () => 0, random: () => 0 });
    const payload = text('"fourteen chars"');
    const { intake } = open({
      admission,
      journal: { readEvent, accept: () => Promise.reject(new JournalError('FAILED', '')) },
    });
    for (let index = 0; index < 3; index += 1) await rejectionOf(intake.accept(published({ payload })));
    expect(admission.waitingBytes).toBe(0);
  });

  it('says that it does not know when the journal failed', async () => {
    const { intake, journal } = open();
    await journal.close();
    expect(await rejectionOf(intake.accept(published()))).toMatchObject({
      reason: 'JOURNAL_FAILED',
      retryAfterMs: 2_000,
    });
  });

  it('does not hide an internal error behind another one', async () => {
    const fault = new TypeError('a fault');
    const { intake } = open({ journal: { readEvent, accept: () => Promise.reject(fault) } });
    await expect(intake.accept(published())).rejects.toBe(fault);
    const failed = open({
      journal: { readEvent, accept: () => Promise.reject(new JournalError('FAILED', 'disk: hunter2')) },
    });
    expect((await rejectionOf(failed.intake.accept(published()))).message).not.toContain('hunter2');
  });
});

describe('who watches over publishing', () => {
  it('reports each new event, and each rejected one with its reason', async () => {
    const received: string[] = [];
    const admission = new Admission({ nowMs: () => 0, random: () => 0 });
    const { intake } = open({
      admission,
      onAccepted: () => received.push('accepted'),
      onRejected: (reason) => received.push(reason),
    });
    await intake.accept(published());
    // Says nothing about the room there is.
    await intake.accept(published());
    await rejectionOf(intake.accept(published({ type: '' })));
    await rejectionOf(intake.accept(published({ key: 'other content' })));
    intake.stop();
    await rejectionOf(intake.accept(published({ id: 'event-2' })));
    expect(received).toEqual(['accepted', 'EVENT_INVALID', 'EVENT_ID_CONFLICT', 'HUB_STOPPING']);
  });
});
