import { EXIT_JOURNAL, endingOf, wrongEnding } from './ending.ts';
import type { FaultAnswer, FaultOptions } from './fault-answer.ts';
import { LedgerStack } from './ledger-stack.ts';
import { EVENT_ID } from './persistent-publisher.ts';
import { Strace } from './strace.ts';
import { syncBeforeAck } from './sync-before-ack.ts';
import type { SystemCall } from './syscall-trace.ts';

const KEYS = 24;
/** From the first call after the load began to well inside it: `when` of strace's inject. */
const PLACES = { short: [1, 7, 40], full: [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144] };
const FILE_CALLS = 'fsync,fdatasync,pwrite64,ftruncate,unlink';
const SOCKET_CALLS = 'write,writev,sendmsg,sendto';
/** Before a fault, so that there is something to lose. */
const ACCEPTED_BEFORE = 30;
/** So large that some 80 events fill the log and it is moved into the database (16 MiB, checkpoint.ts of the hub). */
const LARGE_PAYLOAD_BYTES = 200_000;

interface Injected {
  readonly fault: string;
  /** As strace's inject takes it, without its place. */
  readonly inject: string;
  /** The one file whose calls fail. Absent: whichever of the journal is written, which is its log but for checkpoints. */
  readonly only?: 'database';
  readonly places: readonly number[];
  readonly payloadBytes?: number;
}

/** The disk fails under a running hub: it ends without another ACCEPTED, touches nothing more, and loses nothing. */
export async function* ioErrors({ short }: FaultOptions): AsyncGenerator<FaultAnswer> {
  const places = short ? PLACES.short : PLACES.full;
  yield await answerTo({ fault: 'an fsync of the log fails (EIO)', inject: 'fsync,fdatasync:error=EIO', places });
  yield await answerTo({ fault: 'a write to the log fails (EIO)', inject: 'pwrite64:error=EIO', places });
  const checkpoint = { only: 'database', payloadBytes: LARGE_PAYLOAD_BYTES } as const;
  yield await answerTo({
    fault: 'a write to the database fails as the log is moved into it (EIO)',
    inject: 'pwrite64:error=EIO',
    places: short ? [5] : [1, 5, 200],
    ...checkpoint,
  });
  yield await answerTo({
    fault: 'the fsync of the database after that fails (EIO)',
    inject: 'fsync,fdatasync:error=EIO',
    places: short ? [1] : [1, 2],
    ...checkpoint,
  });
  yield await whileClosing();
}

async function answerTo(injected: Injected): Promise<FaultAnswer> {
  const { fault, places, payloadBytes = 0 } = injected;
  const stack = await LedgerStack.create({ keys: KEYS, payloadBytes });
  try {
    const wrong: string[] = [];
    for (const place of places) wrong.push(...(await failOnce(stack, injected, place)));
    const { size } = stack.book;
    wrong.push(...(await stack.breachesAfterRestart()));
    const silent = injected.only === undefined ? 'no ACCEPTED for what was not synced, ' : '';
    const good =
      `exit ${EXIT_JOURNAL} with one line, ${silent}the files left alone; ` +
      `of ${size} accepted 0 lost after a restart`;
    return { fault, times: places.length, answer: wrong[0] ?? good, ok: wrong.length === 0 };
  } finally {
    await stack.close();
  }
}

/** One life of a hub that ends by the injected fault; one line for each thing that was not as promised. */
async function failOnce(stack: LedgerStack, injected: Injected, place: number): Promise<readonly string[]> {
  const hub = await stack.start();
  await stack.accepted(ACCEPTED_BEFORE);
  // Idle, so that everything reported from now on is also written from now on.
  stack.pause();
  await stack.settle(hub);
  const inject = `${injected.inject}:when=${place}`;
  const strace = await Strace.attach({
    pid: hub.pid,
    folder: stack.folder.path,
    inject,
    ...(injected.only === 'database'
      ? { calls: FILE_CALLS, paths: [stack.journalPath] }
      : { calls: `${FILE_CALLS},${SOCKET_CALLS}`, withBytes: true }),
  });
  stack.publishTo(hub);
  const ending = await endingOf(hub);
  stack.pause();
  const calls = await strace.read();
  const { tooEarly } = syncBeforeAck({ calls, logPath: stack.logPath, port: hub.port, words: EVENT_ID });
  const ofJournal = calls.filter(({ target }) => target.startsWith(stack.journalPath));
  const wrong = [...wrongEnding(ending, stack.journalPath), ...touchedAfterwards(ofJournal), ...tooEarly];
  return wrong.map((line) => `${inject}: ${line}`);
}

/** After the failed call nothing may be tried again: what an fsync that failed did not write may never be written. */
function touchedAfterwards(calls: readonly SystemCall[]): readonly string[] {
  const failed = calls.findIndex(({ error }) => error !== '');
  if (failed === -1) return ['the fault was never injected'];
  const after = calls.slice(failed + 1);
  return after.slice(0, 1).map(({ name, target }) => `after the fault it still called ${name} on ${target}`);
}

/** SQLite moves its log into the database when it is closed. */
async function whileClosing(): Promise<FaultAnswer> {
  const stack = await LedgerStack.create({ keys: KEYS });
  try {
    const hub = await stack.start();
    await stack.accepted(ACCEPTED_BEFORE);
    stack.pause();
    await stack.settle(hub);
    const inject = 'fsync,fdatasync:error=EIO:when=1+';
    const paths = [stack.logPath, stack.journalPath];
    const strace = await Strace.attach({ pid: hub.pid, folder: stack.folder.path, calls: FILE_CALLS, inject, paths });
    const { code } = await hub.stop();
    const failures = (await strace.read()).filter(({ error }) => error !== '').length;
    const wrong = [...(await stack.breachesAfterRestart())];
    if (failures === 0) wrong.push('the fault was never injected');
    if (failures > 1) wrong.push(`it tried again ${failures - 1} times`);
    const good = `exit ${code}, the log kept; of ${stack.book.size} accepted 0 lost after a restart`;
    return {
      fault: 'an fsync fails while the hub stops (EIO)',
      times: 1,
      answer: wrong[0] ?? good,
      ok: wrong.length === 0,
    };
  } finally {
    await stack.close();
  }
}
