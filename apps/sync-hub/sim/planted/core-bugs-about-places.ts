import type { PlantedBug } from './planted-bug.ts';

/** Faults in who has a place in the window, and in who goes alone. */
export const BUGS_ABOUT_PLACES: readonly PlantedBug[] = [
  {
    name: 'deliveries that fail keep the window to themselves',
    file: 'passing.ts',
    find: 'if (head === undefined || head.isSuspect || line.fetchId !== undefined) return false;',
    replace: 'if (head !== null) return false;',
  },
  {
    name: 'what gave its place never comes back',
    file: 'passing.ts',
    find: 'readToSeq: state.passedOver.fromSeq - 1 };',
    replace: 'readToSeq: state.passedOver.fromSeq };',
  },
  {
    name: 'what gave its place is passed by later events of its key',
    file: 'passing.ts',
    find: 'return (passedOver?.mayHave(key) ?? false) || (pass?.over.mayHave(key) ?? false);',
    replace: 'return passedOver === undefined && pass === undefined && key === undefined;',
  },
  {
    name: 'what is behind one that gave its place is forgotten',
    file: 'passing.ts',
    find: ', toSeq: Math.max(newestSeq, line.overflowToSeq ?? 0) });',
    replace: ', toSeq: Math.min(newestSeq, head.event.seq) });',
  },
  {
    name: 'a page brings back what was settled meanwhile',
    file: 'fetch.ts',
    find: 'return fetches.left.size > 0 && (fetches.left.get(seq) ?? 0) >= fetchId;',
    replace: 'return fetches.left.size < 0 && fetchId < 0;',
  },
  {
    name: 'a retry that waits in the journal goes before it is due',
    file: 'line.ts',
    find: "if (delivery.state.kind === 'queued' && delivery.state.dueAtMs > nowMs) {",
    replace: "if (delivery.state.kind === 'queued' && delivery.state.dueAtMs > nowMs + 1e12) {",
  },
  {
    name: 'a suspect runs beside others',
    file: 'attempt.ts',
    find: 'return suspectRuns || (ready.hasSuspect && attempting.size > 0);',
    replace: 'return suspectRuns && ready.hasSuspect && attempting.size < 0;',
  },
  {
    name: 'neighbours of what broke the adapter are counted with it',
    file: 'conclude.ts',
    find: 'if (outcome.suspects > 1) {',
    replace: 'if (outcome.suspects > 1_000) {',
  },
  {
    name: 'one throttled delivery throttles the whole lane',
    file: 'conclude.ts',
    find: "if (outcome.scope !== 'delivery') throttle",
    replace: "if (outcome.scope !== 'lane') throttle",
  },
];
