import type { LaneEffect } from '../../src/core/lane-messages.ts';
import type { LaneState } from '../../src/core/lane-state.ts';
import { type Mutant, mutate, withMethod } from './mutant.ts';

const dispatch = mutate<typeof import('../../src/core/dispatch.ts')>('core/dispatch');
const supply = mutate<typeof import('../../src/core/supply.ts')>('core/supply');
const operator = mutate<typeof import('../../src/core/operator-requests.ts')>('core/operator-requests');
const conclude = mutate<typeof import('../../src/core/conclude.ts')>('core/conclude');
const evidence = mutate<typeof import('../../src/core/evidence.ts')>('core/evidence');
const retry = mutate<typeof import('../../src/core/retry.ts')>('core/retry');
const step = mutate<typeof import('../../src/core/step.ts')>('core/step');
const lane = mutate<typeof import('../../src/core/lane-state.ts')>('core/lane-state');
const running = mutate<typeof import('../../src/core/running-attempts.ts')>('core/running-attempts');
const queue = mutate<typeof import('../../src/core/ready-queue.ts')>('core/ready-queue');

/** Faults in when attempts are made, in what they count, in what a lane reads, and in what operators do. */
export const CORE_MUTANTS: readonly Mutant[] = [
  beginsWith('attempts are made while the lane is paused', () => ({ pause: undefined })),
  beginsWith('attempts are made while the lane is throttled', ({ throttle }) => {
    return { throttle: { ...throttle, untilMs: 0 } };
  }),
  beginsWith('attempts begin while the hub stops', () => ({ draining: false })),
  beginsWith('a lane that recovers does not ramp up', () => ({ ramp: 1_024 })),
  beginsWith('more attempts run than the adapter accepts', ({ runtime }) => {
    return runtime.kind === 'ready' ? { runtime: { ...runtime, concurrency: runtime.concurrency + 1 } } : {};
  }),
  beginsWith('a half-open breaker lets everything through', ({ breaker }) => {
    return breaker.condition === 'half_open' ? { breaker: { ...breaker, condition: 'closed' } } : {};
  }),
  dispatch('a lane does not report what holds it', 'heldBy', () => () => undefined),
  dispatch('an attempt does not report that it may be a repetition', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, redelivered: false }));
  }),
  dispatch('every attempt reports that it may be a repetition', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, redelivered: true }));
  }),
  dispatch('an attempt has more time than the adapter asked for', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, timeoutMs: effect.timeoutMs + 1 }));
  }),
  conclude('deadlines are not kept', 'expireAttempts', () => () => undefined),
  conclude('an adapter that did not run is counted', 'endAttempt', (original) => (context, seq, outcome) => {
    const failure = { code: 'NOT_RUN', message: 'it did not run' };
    original(context, seq, outcome.kind === 'not_run' ? { kind: 'retryable', failure } : outcome);
  }),
  running('the first deadline that passed hides the others', 'RunningAttempts', (original) =>
    withMethod(original, 'firstExpired', () => () => undefined),
  ),

  supply('the wake-up of a retry is lost', 'admitNews', (original) => (context, news) => {
    original(context, { ...news, nextDueAtMs: Number.POSITIVE_INFINITY });
  }),
  supply('what a commit made ready beyond its news is never read', 'admitNews', (original) => (context, news) => {
    original(context, { ...news, isMore: false });
  }),
  supply('only the first of what became ready is heard of', 'admitNews', (original) => (context, news) => {
    original(context, { ...news, ready: news.ready.slice(0, 1) });
  }),
  supply('a page of the backlog is taken for the last', 'admitPage', (original) => (context, page) => {
    original(context, { ...page, isEnd: true });
  }),
  supply('a page forgets when the next retry is due', 'admitPage', (original) => (context, page) => {
    original(context, { ...page, nextDueAtMs: Number.POSITIVE_INFINITY });
  }),
  supply('a page of the backlog leaves one out', 'admitPage', (original) => (context, page) => {
    const { deliveries } = page;
    original(context, { ...page, deliveries: deliveries.length > 1 ? deliveries.slice(1) : deliveries });
  }),
  supply('a lane reads more than its prefetch', 'readMore', (original) => (context) => {
    original(context);
    const { effects } = context;
    for (const [index, effect] of effects.entries()) {
      if (effect.kind === 'read') effects[index] = { ...effect, limit: effect.limit + 1 };
    }
  }),
  conclude('code that runs past its deadline does not keep its key', 'expireAttempts', (original) => (context) => {
    original(context);
    const { overdue } = context.state;
    for (const [key, attempt] of [...overdue]) {
      overdue.delete(key);
      overdue.set(`not ${attempt.seq}`, attempt);
    }
  }),
  supply('another version attempts what it does not accept', 'skipUnaccepted', () => () => undefined),

  operator('a head is not given back when an older one is replayed', 'giveBack', () => () => undefined),
  operator('a head whose attempt runs is given back', 'giveBack', () => ({ effects }, seq) => {
    if (seq !== undefined) effects.push({ kind: 'give_back', seq });
  }),
  operator('what runs is discarded', 'discard', () => ({ effects }, { seqs, reason }) => {
    for (const seq of seqs) effects.push({ kind: 'discard', seq, reason });
  }),
  operator('what is discarded is not discarded', 'discard', () => () => undefined),
  lane('what was handed out before it was discarded is attempted', 'withhold', (original) => (state, seq) => {
    original(state, seq);
    state.withheld.delete(seq);
  }),
  dispatch('an operator who lets one through is answered without it', 'probe', () => ({ effects }) => {
    effects.push({ kind: 'probing', event: undefined });
  }),

  conclude('an event that is refused permanently is tried again', 'endAttempt', (original) => (context, seq, ended) => {
    original(context, seq, ended.kind === 'permanent' ? { ...ended, kind: 'retryable' } : ended);
  }),
  conclude(
    'neighbours of what broke the adapter are counted with it',
    'endAttempt',
    (original) => (context, seq, ended) => {
      original(context, seq, ended.kind === 'crashed' ? { ...ended, suspects: 1 } : ended);
    },
  ),
  conclude('one throttled delivery throttles the whole lane', 'endAttempt', (original) => (context, seq, ended) => {
    original(context, seq, ended.kind === 'throttled' ? { ...ended, scope: 'lane' } : ended);
  }),
  conclude('a lane that is throttled goes on', 'endAttempt', (original) => (context, seq, ended) => {
    original(context, seq, ended.kind === 'throttled' ? { ...ended, scope: 'delivery' } : ended);
  }),
  conclude('what was misconfigured does not pause the lane', 'endAttempt', (original) => (context, seq, ended) => {
    original(context, seq, ended);
    if (ended.kind === 'misconfigured') context.state.pause = undefined;
  }),
  conclude('a failure counts by itself, as in an outage', 'endAttempt', (original) => (context, seq, ended) => {
    const delivery = context.state.deliveries.get(seq);
    if (delivery !== undefined && ended.kind === 'retryable')
      delivery.counts = { ...delivery.counts, spent: delivery.counts.spent + 1 };
    original(context, seq, ended);
  }),
  conclude('a probe is counted towards the dead letter', 'endAttempt', (original) => (context, seq, ended) => {
    const delivery = context.state.deliveries.get(seq);
    if (delivery?.phase.kind === 'attempting') delivery.phase = { ...delivery.phase, isProbe: false };
    original(context, seq, ended);
  }),
  evidence('no attempt is ever the last', 'Evidence', (original) => withMethod(original, 'isFresh', () => () => false)),
  evidence('a failure counts by what was sent before it', 'Evidence', (original) =>
    withMethod(original, 'delivered', (delivered) => (seq, times) => {
      return delivered(seq, { ...times, startedAtMs: times.nowMs });
    }),
  ),
  evidence('failures count though the breaker opened', 'Evidence', (original) =>
    withMethod(original, 'forgetAll', () => () => undefined),
  ),
  evidence('what is on record is counted again', 'Evidence', (original) =>
    withMethod(original, 'recorded', () => () => undefined),
  ),
  retry('attempts are made without backoff', 'backoffMs', () => () => 0),
  retry('a backoff may be longer than its cap', 'backoffMs', (original) => (policy, tries, random) => {
    return original(policy, tries, random) + policy.capMs;
  }),
  retry('the wait that an external system asks for is not honoured', 'boundedRetryAfterMs', () => () => 0),
  retry(
    'an external system may silence a delivery for days',
    'boundedRetryAfterMs',
    () => (ms) => Math.max(0, ms) * 24,
  ),

  step('the timer of a lane forgets what is due', 'nextWakeMs', () => () => Number.POSITIVE_INFINITY),
  step('a lane begins attempts beside deadlines that have just passed', 'step', (original) => (state, input) => {
    const effects = [...original(state, input)];
    if (effects.some(({ kind }) => kind === 'abort'))
      effects.push(...original(state, { kind: 'time_passed', atMs: input.atMs }));
    return effects;
  }),
  lane('a delivery that is handed out counts no failures of this life', 'admit', (original) => (context, handed) => {
    const delivery = original(context, handed);
    if (delivery !== undefined) delivery.counts = { ...delivery.counts, spent: handed.spent };
    return delivery;
  }),
  queue('nobody remembers what may have broken the adapter', 'ReadyQueue', (original) =>
    withMethod(original, 'isSuspect', () => () => false),
  ),
];

type Attempt = LaneEffect & { readonly kind: 'attempt' };

/** Attempts begin as if the lane had this state. */
function beginsWith(name: string, change: (state: LaneState) => Partial<LaneState>): Mutant {
  return dispatch(name, 'beginAttempts', (original) => (context) => {
    original({ ...context, state: { ...context.state, ...change(context.state) } });
  });
}

function changeAttempts(effects: LaneEffect[], change: (effect: Attempt) => Attempt): void {
  for (const [index, effect] of effects.entries()) if (effect.kind === 'attempt') effects[index] = change(effect);
}
