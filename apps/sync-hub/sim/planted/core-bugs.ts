import { BUGS_ABOUT_EVIDENCE } from './core-bugs-about-evidence.ts';
import { BUGS_ABOUT_PEOPLE } from './core-bugs-about-people.ts';
import { BUGS_ABOUT_PLACES } from './core-bugs-about-places.ts';
import type { PlantedBug } from './planted-bug.ts';

/** Faults in src/core. */
export const CORE_BUGS: readonly PlantedBug[] = [
  ...BUGS_ABOUT_PEOPLE,
  ...BUGS_ABOUT_PLACES,
  ...BUGS_ABOUT_EVIDENCE,
  {
    name: 'a key is free before its outcome is on disk',
    file: 'attempt-end.ts',
    find: "delivery.state = { kind: 'recording', next: conclude(turn, delivery, outcome) };",
    replace: `const next = conclude(turn, delivery, outcome);
      delivery.line.deliveries.shift();
      delivery.line.deliveries.push(delivery);
      delivery.state = { kind: 'recording', next };
      const head = delivery.line.deliveries.peek();
      if (head !== undefined && head !== delivery) { head.state = { kind: 'ready' }; state.ready.push(head); }`,
  },
  {
    name: 'a probe is counted towards the dead letter',
    file: 'last-attempt.ts',
    find: 'attempt?.probe === false && ',
    replace: 'attempt !== undefined && ',
  },
  {
    name: 'a throttled attempt is counted towards the dead letter',
    file: 'conclude.ts',
    find: 'return again(turn, delivery, { counts, outcome, inMs, notBeforeInMs: inMs });',
    replace:
      'return again(turn, delivery, { counts: { ...counts, spent: counts.spent + 1 }, outcome, inMs, notBeforeInMs: inMs });',
  },
  {
    name: 'a half-open breaker gets two probes',
    file: 'gate.ts',
    find: 'return state.probeSent ? 0 : state.overdue + 1;',
    replace: 'return state.overdue + 2;',
  },
  {
    name: 'attempts are made while the lane is held',
    file: 'gate.ts',
    find: ' || laneHeldBy(state, nowMs) !== undefined) return 0;',
    replace: ') return 0;',
  },
  {
    name: 'attempts begin while the hub stops',
    file: 'gate.ts',
    find: 'if (state.draining || ',
    replace: 'if (',
  },
  {
    name: 'a retry lets later events of its key overtake it',
    file: 'attempt-end.ts',
    find: 'state.scheduled.add(next.dueAtMs, delivery);\n    tellFollowersHeld(turn, delivery);\n    giveWay(state, line);',
    replace: `state.scheduled.add(next.dueAtMs, delivery);
      line.deliveries.shift();
      line.deliveries.push(delivery);
      const head = line.deliveries.peek();
      if (head !== undefined && head !== delivery) { head.state = { kind: 'ready' }; state.ready.push(head); }`,
  },
  {
    name: 'the wake-up of a deadline is lost',
    file: 'step.ts',
    find: 'Math.min(state.scheduled.earliestMs, state.attempting.earliestDeadlineMs)',
    replace: 'state.scheduled.earliestMs',
  },
  {
    name: 'the wake-up of a retry is lost',
    file: 'step.ts',
    find: 'Math.min(state.scheduled.earliestMs, state.attempting.earliestDeadlineMs)',
    replace: 'state.attempting.earliestDeadlineMs',
  },
  {
    name: 'a page of the backlog skips one',
    file: 'window.ts',
    find: 'Math.min(page.scannedToSeq, readAgainFromSeq - 1));',
    replace: 'Math.min(page.scannedToSeq + 1, readAgainFromSeq - 1));',
  },
  {
    name: 'a fresh event passes those that wait in the journal',
    file: 'window.ts',
    find: 'if (!isBehind(state) && hasRoom(state)) {',
    replace: 'if (hasRoom(state)) {',
  },
  {
    name: 'pages on their way take no room of the window',
    file: 'fetch.ts',
    find: 'state.awaited.deliveries += limit;',
    replace: 'state.awaited.deliveries += 0;',
  },
  {
    name: 'the overflow of a hot key is forgotten',
    file: 'window.ts',
    find: 'line.overflowToSeq = Math.max(line.overflowToSeq ?? 0, seq);\n    return;',
    replace: 'return;',
  },
  {
    name: 'code that runs past its deadline does not keep its key',
    file: 'attempt-end.ts',
    find: "delivery.state = { kind: 'overdue', next, recorded: false };",
    replace: "delivery.state = { kind: 'recording', next };",
  },
  {
    name: 'a lane that comes back does not ramp up',
    file: 'step.ts',
    find: "if (state.breaker !== 'closed' && breaker === 'closed') state.ramp = 1;",
    replace: '',
  },
  {
    name: 'an attempt after a restart does not say that it may be a repetition',
    file: 'attempt.ts',
    find: 'mayHaveTakenEffect || delivery.event.seq <= state.rules.recoveredToSeq',
    replace: 'mayHaveTakenEffect',
  },
];
