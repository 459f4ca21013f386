import type { PlantedBug } from './planted-bug.ts';

/** Faults, in src, in what performs the core's decisions: lanes, acks, intake, the journal's front. */
export const HUB_BUGS: readonly PlantedBug[] = [
  {
    name: 'a record is told before it is on disk',
    file: 'journal/pending-requests.ts',
    find: '    this.#queue.push(request);',
    replace: `    this.#queue.push(request);
    if (request.kind !== 'record') return;
    queueMicrotask(() => this.#observer.recorded([{ ...request.record, cursor: this.#lastCursor + 1 }]));`,
  },
  {
    name: 'an event is accepted before it is on disk',
    file: 'journal/queued-journal.ts',
    find: "      this.#pending.add({ kind: 'accept', accept, resolve, reject });",
    replace: `      const event = { ...accept.event, ...accept, seq: this.info.lastSeq + 1 } as never;
      resolve({ kind: 'accepted', event, lastCursor: 0 });
      this.#pending.add({ kind: 'accept', accept, resolve, reject });`,
  },
  {
    name: 'the records of one commit are told in the wrong order',
    file: 'journal/pending-requests.ts',
    find: 'this.#observer.recorded(change.records);',
    replace: 'this.#observer.recorded(change.records.reverse());',
  },
  {
    name: 'what is recorded in the commit of a replay is told before it',
    file: 'journal/pending-requests.ts',
    find: 'for (const change of changes) {',
    replace: 'for (const change of changes.toSorted((a, b) => (a.kind < b.kind ? -1 : Number(a.kind > b.kind)))) {',
  },
  {
    name: 'every replay may follow a newer event of its key',
    file: 'journal/replay-step.ts',
    find: 'mayFollowNewer: job.includeStale }',
    replace: 'mayFollowNewer: true }',
  },
  {
    name: 'after an alarm rang the next one is not set',
    file: 'lanes/alarm.ts',
    find: '      this.#setForMs = Number.POSITIVE_INFINITY;\n      this.#onRing();',
    replace: '      this.#onRing();',
  },
  {
    name: 'an alarm that is set is not moved to an earlier time',
    file: 'lanes/alarm.ts',
    find: 'atMs >= this.#setForMs',
    replace: 'Number.isFinite(this.#setForMs)',
  },
  {
    name: 'the core does not hear that the breaker changed',
    file: 'lanes/lane.ts',
    find: "this.#take({ kind: 'breaker_changed', atMs: this.#nowMs(), breaker });",
    replace: '',
  },
  {
    name: 'a breaker is not kept over a restart',
    file: 'lanes/lane.ts',
    find: 'this.#breaker.restore(stored);',
    replace: '',
  },
  {
    name: 'permanent outcomes count against the breaker',
    file: 'lanes/breaker.ts',
    find: 'if (!countsAgainstBreaker(outcome)) {',
    replace: "if (outcome.kind === 'delivered') {",
  },
  {
    name: 'a reader that resumes misses one record',
    file: 'acks/acks.ts',
    find: 'let cursor = afterCursor;',
    replace: 'let cursor = afterCursor === this.lastCursor ? afterCursor : afterCursor + 1;',
  },
  {
    name: 'a gap between what is read from the journal and what is told live',
    file: 'acks/recent-records.ts',
    find: 'if (cursor < this.#floor) return undefined;',
    replace: 'if (cursor < this.#floor - 1) return undefined;',
  },
  {
    name: 'what is recorded while the history is read is not told',
    file: 'edges/rpc/event-listener.ts',
    find: "if (tell.kind === 'recorded' || this.#hearsHeld)",
    replace: 'if (this.#hearsHeld)',
  },
  {
    name: 'what a reader has seen is told again after it resumed',
    file: 'edges/rpc/event-feed.ts',
    find: 'history.filter(({ record }) => record.cursor > seenCursor)',
    replace: 'history',
  },
  {
    name: 'a reader who left is not forgotten',
    file: 'edges/rpc/event-listener.ts',
    find: 'for (const unfollow of this.#unfollow) unfollow();',
    replace: '',
  },
  {
    name: 'a hold that is over is told',
    file: 'acks/acks.ts',
    find: 'for (const record of records) reader.recorded(record);',
    replace: '',
  },
  {
    name: 'a duplicate is answered as a new event',
    file: 'edges/intake.ts',
    find: "duplicate: result.kind === 'duplicate'",
    replace: 'duplicate: false',
  },
  {
    name: 'the same id with other content is taken for a duplicate',
    file: 'edges/content-hash.ts',
    find: ".update('\\0').update(event.data)",
    replace: '',
  },
  {
    name: 'events are accepted while the hub stops',
    file: 'edges/intake.ts',
    find: 'if (this.#stopping) throw',
    replace: 'if (this.#stopping && false) throw',
  },
  {
    name: 'attempts begin while the hub stops',
    file: 'lanes/lane.ts',
    find: "async drain(withinMs: number): Promise<void> {\n    this.#take({ kind: 'draining', atMs: this.#nowMs() });",
    replace: 'async drain(withinMs: number): Promise<void> {',
  },
  {
    name: 'what attempts that were let go came to is recorded',
    file: 'lanes/live-attempts.ts',
    find: 'if (!this.#abandoned) onEnd',
    replace: 'onEnd',
  },
  {
    name: 'an attempt past its deadline is taken for ended while its code runs',
    file: 'lanes/live-attempts.ts',
    find: 'const outcome = await returned.promise;',
    replace: 'const outcome = await Promise.race([returned.promise, expired.promise]);',
  },
  {
    name: 'code is not asked to end at its deadline',
    file: 'lanes/live-attempts.ts',
    find: '    live?.expired.resolve(timedOut);\n    live?.abort.abort();',
    replace: '    live?.expired.resolve(timedOut);',
  },
  {
    name: 'adapter code that throws ends the hub',
    file: 'lanes/contained-runtime.ts',
    find: "return { kind: 'crashed', failure: broken(error), suspects: 1 };",
    replace: 'throw error;',
  },
  {
    name: 'only the first event of a commit reaches the lanes',
    file: 'lanes/lanes.ts',
    find: 'for (const lane of this) lane.accepted(events);',
    replace: 'for (const lane of this) lane.accepted(events.slice(0, 1));',
  },
  {
    name: 'a retry is counted as settled by the health of its lane',
    file: 'lanes/lane.ts',
    find: "if (record.state !== 'retrying') this.#totals.unsettled -= 1;",
    replace: 'this.#totals.unsettled -= 1;',
  },
  {
    name: 'a pause is lost at a restart',
    file: 'lanes/lane.ts',
    find: 'if (pause !== undefined) {',
    replace: 'if (pause !== undefined && pause.reason === undefined) {',
  },
  {
    name: 'a delivery that a person replayed does not reach its lane',
    file: 'lanes/lanes.ts',
    find: 'this.#lanes.get(delivery.adapter)?.reopened(delivery);',
    replace: 'void delivery;',
  },
  {
    name: 'a breaker that closed still counts the failures of the outage',
    file: 'lanes/breaker.ts',
    find: '      this.#opossum = this.#createOpossum();\n      queueMicrotask',
    replace: '      queueMicrotask',
  },
  {
    name: 'a journal that failed goes on taking events',
    file: 'journal/pending-requests.ts',
    find: '    this.#failure = error;\n',
    replace: '',
  },
];
