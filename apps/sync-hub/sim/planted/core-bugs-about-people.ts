import type { PlantedBug } from './planted-bug.ts';

/** Faults in what people do to a lane: replays, held keys, what is given up, what is let through, other versions. */
export const BUGS_ABOUT_PEOPLE: readonly PlantedBug[] = [
  {
    name: 'a replayed dead letter is forgotten when later ones of its key wait',
    file: 'reopen.ts',
    find: 'if (seq <= line.readToSeq) {',
    replace: 'if (seq < 0) {',
  },
  {
    name: 'a replayed dead letter is forgotten when the window has no room',
    file: 'reopen.ts',
    find: 'passOver(state, rangeOf(delivery.event));',
    replace: '',
  },
  {
    name: 'a replayed dead letter follows a newer one of its key that was on its way',
    file: 'reopen.ts',
    find: 'if (!mayFollowNewer && isNewerOnItsWay(state, event)) {',
    replace: 'if (!mayFollowNewer && event.seq < 0) {',
  },
  {
    name: 'a replayed dead letter follows a newer one of its key whose outcome was on the way to the disk',
    file: 'reopen.ts',
    find: "return kind === 'attempting' || kind === 'overdue' || kind === 'recording';",
    replace: "return kind === 'attempting' || kind === 'overdue';",
  },
  {
    name: 'a replay that a person wants sent all the same is not',
    file: 'reopen.ts',
    find: 'if (!mayFollowNewer && isNewerOnItsWay(state, event)) {',
    replace: 'if (isNewerOnItsWay(state, event)) {',
  },
  {
    name: 'a replayed dead letter waits behind a later one of its key that failed',
    file: 'line.ts',
    find: 'return Math.min(line.readToSeq, line.readAgainFromSeq ?? seq, next?.event.seq ?? seq) < seq;',
    replace: 'return next === undefined && seq < 0;',
  },
  {
    name: 'a replay begins while code of the attempt before still runs',
    file: 'reopen.ts',
    find: "if (running?.state.kind === 'overdue') {",
    replace: "if (running?.state.kind === 'attempting') {",
  },
  {
    name: 'a page that was read before a replay hides it',
    file: 'reopen.ts',
    find: 'if (line.fetchId !== undefined) line.readAgainFromSeq',
    replace: 'if (line.fetchId === -1) line.readAgainFromSeq',
  },
  {
    name: 'a held key goes on after a dead letter',
    file: 'hold.ts',
    find: "if (state.rules.onDeadLetter === 'continue' || event.key === '') return;",
    replace: "if (state.rules.onDeadLetter !== undefined || event.key === '') return;",
  },
  {
    name: 'a held key is forgotten at a restart',
    file: 'lane.ts',
    find: "if (rules.onDeadLetter === 'hold') for",
    replace: 'if (rules.maxCrashes < 0) for',
  },
  {
    name: 'a key stays held after its dead letter was given up',
    file: 'discard.ts',
    find: 'if (released !== undefined) release(turn, released);',
    replace: '',
  },
  {
    name: 'a key is held by a dead letter that was given up while its code ran',
    file: 'discard.ts',
    find: "if (running?.state.kind === 'overdue') running.state = { ...running.state, next: { kind: 'settled' } };",
    replace: '',
  },
  {
    name: 'what a person gave up is attempted',
    file: 'discard.ts',
    find: 'state.ready.clean();',
    replace: '',
  },
  {
    name: 'what comes behind passes a delivery that is given up before that is on disk',
    file: 'fetch.ts',
    find: 'if (deliveries.has(seq)) return true;',
    replace: 'if (deliveries.has(seq) || fetches.left === undefined || arguments[0].outside.has(seq)) return true;',
  },
  {
    name: 'a delivery is given up by what was known before it was settled',
    file: 'discard.ts',
    find: "if (asked?.kind !== 'looking_up' || asked.lookUpId !== id) return;",
    replace: "if (asked?.kind !== 'looking_up') return;",
  },
  {
    name: 'one that a person lets through is counted towards the dead letter',
    file: 'attempt.ts',
    find: 'isProbe: true }',
    replace: 'isProbe: false }',
  },
  {
    name: 'another goes beside one that a person lets through a half-open breaker',
    file: 'attempt.ts',
    find: "if (state.breaker === 'half_open') state.probeSent = true;",
    replace: "if (isProbe && state.breaker === 'half_open') state.probeSent = state.ready.size > 1;",
  },
  {
    name: 'another version attempts what it does not take',
    file: 'step.ts',
    find: "const isOut = (kind === 'ready' || kind === 'scheduled') && isRefused(state, delivery);",
    replace: "const isOut = kind === 'overdue' && isRefused(state, delivery);",
  },
  {
    name: 'a deadline of another version is missed',
    file: 'running-attempts.ts',
    find: 'first.state.deadlineAtMs > nowMs) continue;',
    replace: 'first.state.deadlineAtMs > nowMs) return undefined;',
  },
];
