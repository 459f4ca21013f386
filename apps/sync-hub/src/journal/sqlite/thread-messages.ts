import type { EndedAttempt, RecordedState } from '../../core/delivery.ts';
import type { OutcomeKind } from '../../core/outcome.ts';
import type { Call, CallOf, CommitReport } from '../calls.ts';
import type { AcceptRequest, BackupResult, CallName, JournalInfo, RecordRequest } from '../journal.ts';
import type { JournalErrorCode } from '../journal-error.ts';

/** What the journal thread is started with. */
export interface ThreadOptions {
  readonly folder: string;
  readonly reserveBytes: number;
  readonly newJournal: boolean;
}

/** To the thread: calls of one turn of the event loop, in their order; or the last message of all. */
export type ToThread =
  | ({ readonly kind: 'calls' } & PackedCalls)
  | { readonly kind: 'backup'; readonly targetPath: string }
  | { readonly kind: 'close' };

/** From the thread. It ends by itself after `refused`, and after the reports of all that came before `close`. */
export type FromThread =
  | { readonly kind: 'opened'; readonly info: JournalInfo; readonly receivers: readonly string[] }
  | { readonly kind: 'rejected'; readonly code: JournalErrorCode; readonly message: string; readonly cause: unknown }
  /** One commit returned, of the oldest calls. */
  | { readonly kind: 'committed'; readonly report: CommitReport }
  /** The oldest backup that was asked for and not answered. */
  | { readonly kind: 'backedUp'; readonly result: BackupResult }
  | { readonly kind: 'failed'; readonly code: JournalErrorCode; readonly message: string; readonly cause: unknown };

/**
 * Calls as they travel. Of an event and an outcome only the values, one after the other: a clone would spell the name of
 * each field each time. The bytes of all events are in one buffer that can be transferred: sent as they are, each would
 * be copied together with the whole buffer that it is a view of, such as the network message with all events of a batch.
 */
export interface PackedCalls {
  /** For each call its name and its request, or the fields of that. */
  readonly values: readonly unknown[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packCalls(calls: readonly Call[]): PackedCalls {
  const values: unknown[] = [];
  let sizeBytes = 0;
  for (const call of calls) {
    if (call.name === 'accept') sizeBytes += call.request.contentHash.byteLength + call.request.event.data.byteLength;
  }
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  const add = (part: Uint8Array): number => {
    bytes.set(part, offset);
    offset += part.byteLength;
    return part.byteLength;
  };
  for (const { name, request } of calls) {
    if (name === 'accept') packAccept(values, request, add);
    else if (name === 'record') packRecord(values, request);
    else values.push(name, request);
  }
  return { values, bytes };
}

/** The calls again, their bytes as views of the message's buffer. */
export function unpackCalls({ values, bytes }: PackedCalls): Call[] {
  const calls: Call[] = [];
  let offset = 0;
  const nextBytes = (sizeBytes: number): Uint8Array => {
    offset += sizeBytes;
    return bytes.subarray(offset - sizeBytes, offset);
  };
  for (let place = 0; place < values.length; ) {
    const name = values[place++] as CallName;
    if (name === 'accept') {
      calls.push({ name, request: unpackAccept(values, place, nextBytes) });
      place += ACCEPT_FIELDS;
    } else if (name === 'record') {
      calls.push({ name, request: unpackRecord(values, place) });
      place += RECORD_FIELDS;
    } else {
      calls.push({ name, request: values[place++] } as CallOf<CallName> as Call);
    }
  }
  return calls;
}

const ACCEPT_FIELDS = 12;

function packAccept(values: unknown[], request: AcceptRequest, add: (part: Uint8Array) => number): void {
  const { event, contentHash, publishedBy, acceptedAtMs, nowMs } = request;
  values.push('accept', event.id, event.source, event.type, event.key, event.timeMs, event.dataContentType);
  values.push(event.attributes, publishedBy, acceptedAtMs, nowMs, add(contentHash), add(event.data));
}

function unpackAccept(
  values: readonly unknown[],
  place: number,
  nextBytes: (sizeBytes: number) => Uint8Array,
): AcceptRequest {
  const contentHash = nextBytes(values[place + 10] as number);
  return {
    event: {
      id: values[place] as string,
      source: values[place + 1] as string,
      type: values[place + 2] as string,
      key: values[place + 3] as string,
      timeMs: values[place + 4] as number,
      dataContentType: values[place + 5] as string,
      attributes: values[place + 6] as Record<string, string>,
      data: nextBytes(values[place + 11] as number),
    },
    contentHash,
    publishedBy: values[place + 7] as string,
    acceptedAtMs: values[place + 8] as number,
    nowMs: values[place + 9] as number,
  };
}

const RECORD_FIELDS = 24;

function packRecord(values: unknown[], { record, epoch, nowMs, dueAtMs, notBeforeMs }: RecordRequest): void {
  const { attempt } = record;
  values.push('record', record.adapter, record.seq, record.eventId, record.source, record.key);
  values.push(record.adapterVersion, record.state);
  values.push(record.cycle, record.attempts, record.spent, record.crashes, record.atMs, record.nextAttemptAtMs);
  values.push(attempt?.startedAtMs, attempt?.durationMs, attempt?.outcome, attempt?.receipt);
  values.push(attempt?.failure?.code, attempt?.failure?.message, record.reason, epoch, nowMs, dueAtMs, notBeforeMs);
}

function unpackRecord(values: readonly unknown[], place: number): RecordRequest {
  const attempt = unpackAttempt(values, place + 13);
  const reason = values[place + 19] as string | undefined;
  return {
    record: {
      adapter: values[place] as string,
      seq: values[place + 1] as number,
      eventId: values[place + 2] as string,
      source: values[place + 3] as string,
      key: values[place + 4] as string,
      adapterVersion: values[place + 5] as string,
      state: values[place + 6] as RecordedState,
      cycle: values[place + 7] as number,
      attempts: values[place + 8] as number,
      spent: values[place + 9] as number,
      crashes: values[place + 10] as number,
      atMs: values[place + 11] as number,
      nextAttemptAtMs: values[place + 12] as number,
      ...(attempt === undefined ? {} : { attempt }),
      ...(reason === undefined ? {} : { reason }),
    },
    epoch: values[place + 20] as number,
    nowMs: values[place + 21] as number,
    dueAtMs: values[place + 22] as number,
    notBeforeMs: values[place + 23] as number,
  };
}

function unpackAttempt(values: readonly unknown[], place: number): EndedAttempt | undefined {
  const startedAtMs = values[place] as number | undefined;
  if (startedAtMs === undefined) return undefined;
  const attempt = {
    startedAtMs,
    durationMs: values[place + 1] as number,
    outcome: values[place + 2] as OutcomeKind,
    receipt: values[place + 3] as string,
  };
  const code = values[place + 4] as string | undefined;
  return code === undefined ? attempt : { ...attempt, failure: { code, message: values[place + 5] as string } };
}
