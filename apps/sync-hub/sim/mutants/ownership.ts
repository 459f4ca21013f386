import type { OwnershipEffect, OwnershipInput } from '../../src/core/ownership-messages.ts';
import type { OwnershipState } from '../../src/core/ownership-state.ts';
import { type Mutant, mutate, withMethod } from './mutant.ts';

const ownership = mutate<typeof import('../../src/core/ownership.ts')>('core/ownership', 'cluster');
const known = mutate<typeof import('../../src/core/ownership-state.ts')>('core/ownership-state', 'cluster');
const balance = mutate<typeof import('../../src/core/lane-balance.ts')>('core/lane-balance', 'cluster');
const database = mutate<typeof import('../cluster/shared-database.ts')>('../sim/cluster/shared-database', 'cluster');
const machine = mutate<typeof import('../cluster/machine.ts')>('../sim/cluster/machine', 'cluster');

/** Faults in how hubs decide who owns a lane, and in what they rely on of the database. */
export const OWNERSHIP_MUTANTS: readonly Mutant[] = [
  stepsWith('a hub begins attempts however long no beat was answered', (original) => (state, input) => {
    const effects = original(state, input);
    if (!state.isHolding) state.trustedUntilMs = Number.POSITIVE_INFINITY;
    return effects;
  }),
  stepsWith('trust begins when a beat is answered', (original) => (state, input) => {
    const request = input.kind === 'pulse_answered' ? state.requests.get(input.number)?.request : undefined;
    const effects = original(state, input);
    if (request?.kind === 'pulse' && request.beat) state.trustedUntilMs = state.ageMs + 6_000;
    return effects;
  }),
  ownership('nothing is checked at the moment of an attempt', 'mayBegin', (original) => (state, adapter) => {
    return original(state, adapter, state.at);
  }),
  machine('the wall clock is ignored', 'Machine', (original) =>
    withMethod(original, 'moment', (moment) => (nowMs) => {
      const { monotonicMs } = moment(nowMs);
      return { monotonicMs, wallMs: monotonicMs };
    }),
  ),
  known('the others wait less than trust and an attempt take', 'patienceMs', (original) => (attemptTimeoutMs) => {
    return original(attemptTimeoutMs) - 4_000;
  }),
  stepsWith('a hub that was cut off takes over at once', (original) => (state, input) => {
    state.answeredAtMs = Number.POSITIVE_INFINITY;
    return original(state, input.kind === 'pulse_answered' ? { ...input, session: 1 } : input);
  }),
  database('a takeover does not check the beat', 'SharedDatabase', (original) =>
    withMethod(original, 'hasBeat', () => () => true),
  ),
  database('a write is checked by its epoch alone', 'SharedDatabase', (original) =>
    withMethod(original, 'isOwner', (_, self) => (_hub, adapter, epoch) => self.lanes.get(adapter)?.epoch === epoch),
  ),
  stepsWith('a failover is not waited for', (original) => (state, input) => {
    if (input.kind !== 'pulse_answered' || input.answer === 'hub_unknown') return original(state, input);
    return original(state, { ...input, answer: { ...input.answer, settledTimeline: input.answer.timeline } });
  }),
  withoutRequests('a failover is never over', ({ kind }) => kind === 'settle'),
  stepsWith('an epoch that a failover lost is used again', (original) => (state, input) => {
    return original(state, input).map((effect) => {
      return effect.kind === 'claim' ? Object.assign(effect, { epoch: effect.seenEpoch + 1 }) : effect;
    });
  }),
  withoutRequests('a lane that its owner gave up has no owner for ever', (effect, { hub }) => {
    return effect.kind === 'claim' && effect.seenOwner === hub;
  }),
  withoutRequests('lanes of a hub that died are not taken over', ({ kind, ...effect }, { hub }) => {
    return kind === 'claim' && 'seenOwner' in effect && effect.seenOwner !== undefined && effect.seenOwner !== hub;
  }),
  known('a hub that starts again waits for the lanes that it had', 'createOwnership', (original) => (hub, at) => {
    return original({ ...hub, previousIsDead: false }, at);
  }),
  stepsWith('nobody claims for a hub that is due and does not', (original) => (state, input) => {
    for (const lane of state.lanes.values()) lane.claimableSinceMs = undefined;
    return original(state, input);
  }),
  stepsWith('the others think that a hub which stops can run lanes', (original) => (state, input) => {
    return original(state, input).map((effect) =>
      effect.kind === 'pulse' ? { ...effect, isStopping: false } : effect,
    );
  }),
  withoutRequests('a hub that stops keeps its lanes', ({ kind }) => kind === 'release'),
  balance('a lane goes back and forth', 'laneToGiveBack', (original) => (own, others) => {
    return original(
      own,
      others.map((hub) => ({ ...hub, lanes: hub.lanes - 1 })),
    );
  }),
  stepsWith('an owner gives back all that it has too many at once', (original) => (state, input) => {
    state.gaveBackAtMs = Number.NEGATIVE_INFINITY;
    return original(state, input);
  }),
  balance('a hub keeps all that it has', 'laneToGiveBack', () => () => undefined),
  balance('no hub is due to claim a lane', 'assignLanes', () => () => new Map()),
  known('a lane is said to have an owner soon', 'laneOwnerships', (original) => (state, at) => {
    return original(state, at).map((lane) =>
      lane.kind === 'owned' ? lane : { ...lane, takenOverByMs: at.wallMs + 500 },
    );
  }),
];

type Step = (state: OwnershipState, input: OwnershipInput) => readonly OwnershipEffect[];

function stepsWith(name: string, wrap: (original: Step) => Step): Mutant {
  return ownership(name, 'step', wrap);
}

/** These requests are never sent. */
function withoutRequests(name: string, isDropped: (effect: OwnershipEffect, state: OwnershipState) => boolean): Mutant {
  return stepsWith(name, (original) => (state, input) => {
    return original(state, input).filter((effect) => {
      if (!isDropped(effect, state)) return true;
      if ('number' in effect) state.requests.delete(effect.number);
      return false;
    });
  });
}
