import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { nowMs, TRACE_FOLDER_VARIABLE, type TraceLine } from './trace-lines.ts';

/**
 * Loaded into the hub before its program (`--import`), in its main thread and in its journal's: notes when an event comes
 * by each boundary that the hub's sources name, and writes all of it to a file when the thread ends.
 */

const lines: TraceLine[] = [];
const note = (step: string, ids: readonly string[]) => lines.push([step, nowMs(), ids]);

/** The calls of the journal, of which a trace follows two. */
interface Call {
  readonly name: string;
  readonly request?: {
    readonly event?: { readonly id: string };
    readonly record?: { readonly eventId: string; readonly adapter: string };
  };
}

const idsOf = (calls: readonly Call[]) =>
  calls.map(({ name, request }) => {
    if (request?.event !== undefined) return request.event.id;
    const record = request?.record;
    return record === undefined ? name : `${record.eventId} ${record.adapter}`;
  });

/** Streams are numbered in the order of their first attempt; their adapters are all the same. */
const streams = new Map<object, number>();
interface Attempt {
  readonly stream: object;
  readonly ref: bigint;
  readonly eventId?: string;
}
function attemptId({ stream, ref }: Attempt): string {
  const number = streams.get(stream) ?? streams.size;
  streams.set(stream, number);
  return `${number}/${ref}`;
}

if (isMainThread) {
  const open: Call[] = [];
  on<string>('event-read', (eventId) => note('read', [eventId]));
  on<Call>('journal-requested', (call) => {
    open.push(call);
    note('requested', idsOf([call]));
  });
  on<{ readonly answers: readonly unknown[] }>('journal-answered', ({ answers }) =>
    note('heard', idsOf(open.splice(0, answers.length))),
  );
  on<Attempt>('attempt-begun', (attempt) => note('attempt', [attemptId(attempt), attempt.eventId ?? '']));
  on<Attempt>('attempt-sent', (attempt) => note('sent', [attemptId(attempt)]));
  on<Attempt>('outcome-heard', (attempt) => note('outcome', [attemptId(attempt)]));
  on<readonly { readonly ack?: { readonly eventId: string; readonly adapter: string } }[]>('items-written', (items) => {
    const acks = items.flatMap(({ ack }) => (ack === undefined ? [] : [`${ack.eventId} ${ack.adapter}`]));
    note('message', Array(items.length).fill(''));
    if (acks.length > 0) note('ack written', acks);
  });
} else {
  on<readonly Call[]>('journal-group-begun', (calls) => note('begun', idsOf(calls)));
  on<readonly Call[]>('journal-group-on-disk', (calls) => note('on disk', idsOf(calls)));
}

process.once('exit', () => {
  const folder = process.env[TRACE_FOLDER_VARIABLE];
  if (folder !== undefined && lines.length > 0) {
    writeFileSync(join(folder, isMainThread ? 'main.json' : 'journal.json'), JSON.stringify(lines));
  }
});

function on<Message>(name: string, take: (message: Message) => void): void {
  subscribe(`hms-sync:${name}`, (message) => take(message as Message));
}
