import type { LaneEffect } from '../../src/core/lane-effect.ts';
import { type Mutant, mutate, withMethod } from './mutant.ts';

const gate = mutate<typeof import('../../src/core/gate.ts')>('core/gate');
const attempts = mutate<typeof import('../../src/core/attempts.ts')>('core/attempts');
const supply = mutate<typeof import('../../src/core/supply.ts')>('core/supply');
const operator = mutate<typeof import('../../src/core/operator.ts')>('core/operator');
const conclude = mutate<typeof import('../../src/core/conclude.ts')>('core/conclude');
const lastAttempt = mutate<typeof import('../../src/core/last-attempt.ts')>('core/last-attempt');
const evidence = mutate<typeof import('../../src/core/evidence.ts')>('core/evidence');
const retry = mutate<typeof import('../../src/core/retry.ts')>('core/retry');
const step = mutate<typeof import('../../src/core/step.ts')>('core/step');
const lane = mutate<typeof import('../../src/core/lane.ts')>('core/lane');
const running = mutate<typeof import('../../src/core/running-attempts.ts')>('core/running-attempts');
const queue = mutate<typeof import('../../src/core/ready-queue.ts')>('core/ready-queue');

/** Faults in when attempts are made, in what they count, in what a lane reads, and in what operators do. */
export const CORE_MUTANTS: readonly Mutant[] = [
  gate('attempts are made while the lane is paused', 'attemptLimit', (original) => (state, nowMs) => {
    return original({ ...state, pause: undefined }, nowMs);
  }),
  gate('attempts are made while the lane is throttled', 'attemptLimit', (original) => (state, nowMs) => {
    return original({ ...state, throttle: { ...state.throttle, untilMs: 0 } }, nowMs);
  }),
  gate('attempts begin while the hub stops', 'attemptLimit', (original) => (state, nowMs) => {
    return original({ ...state, draining: false }, nowMs);
  }),
  gate('a lane that comes back does not ramp up', 'attemptLimit', (original) => (state, nowMs) => {
    return original({ ...state, ramp: 1_024 }, nowMs);
  }),
  gate('more attempts run than the adapter accepts', 'attemptLimit', (original) => (state, nowMs) => {
    const limit = original(state, nowMs);
    return limit === 0 ? 0 : limit + 1;
  }),
  gate('a half-open breaker does not wait for the attempts before it', 'attemptLimit', (original) => (state, nowMs) => {
    const limit = original(state, nowMs);
    return limit > 0 && state.breaker.condition === 'half_open' ? state.running.size + limit : limit;
  }),
  gate('a lane does not report what holds it', 'heldBy', () => () => undefined),

  attempts('deadlines are not kept', 'expireAttempts', () => () => undefined),
  attempts('an attempt does not report that it may be a repetition', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, redelivered: false }));
  }),
  attempts('every attempt reports that it may be a repetition', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, redelivered: true }));
  }),
  attempts('an attempt has more time than the adapter asked for', 'beginAttempts', (original) => (context) => {
    original(context);
    changeAttempts(context.effects, (effect) => ({ ...effect, timeoutMs: effect.timeoutMs + 1 }));
  }),
  attempts('an adapter that did not run is counted', 'endAttempt', (original) => (context, seq, outcome) => {
    const failure = { code: 'NOT_RUN', message: 'it did not run' };
    original(context, seq, outcome.kind === 'not_run' ? { kind: 'retryable', failure } : outcome);
  }),
  running('the first deadline that passed hides the others', 'RunningAttempts', (original) =>
    withMethod(original, 'firstExpired', () => () => undefined),
  ),

  supply('the wake-up of a retry is lost', 'takeNews', (original) => (context, news) => {
    original(context, { ...news, nextDueAtMs: Number.POSITIVE_INFINITY });
  }),
  supply('what a commit made ready beyond its news is never read', 'takeNews', (original) => (context, news) => {
    original(context, { ...news, isMore: false });
  }),
  supply('only the first of what became ready is heard of', 'takeNews', (original) => (context, news) => {
    original(context, { ...news, ready: news.ready.slice(0, 1) });
  }),
  supply('a page of the backlog is taken for the last', 'takePage', (original) => (context, page) => {
    original(context, { ...page, isEnd: true });
  }),
  supply('a page forgets when the next retry is due', 'takePage', (original) => (context, page) => {
    original(context, { ...page, nextDueAtMs: Number.POSITIVE_INFINITY });
  }),
  supply('a page of the backlog leaves one out', 'takePage', (original) => (context, page) => {
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
  attempts('code that runs past its deadline does not keep its key', 'expireAttempts', (original) => (context) => {
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
  operator(
    'what was handed out before it was discarded is attempted',
    'endWithholding',
    (original) => (context, answer) => {
      original(context, { ...answer, isHead: true });
    },
  ),
  operator('an operator who lets one through is answered without it', 'probe', () => ({ effects }) => {
    effects.push({ kind: 'probing', event: undefined });
  }),

  conclude(
    'an event that is refused permanently is tried again',
    'conclude',
    (original) => (context, delivery, outcome) => {
      original(context, delivery, outcome.kind === 'permanent' ? { ...outcome, kind: 'retryable' } : outcome);
    },
  ),
  conclude(
    'neighbours of what broke the adapter are counted with it',
    'conclude',
    (original) => (context, delivery, outcome) => {
      original(context, delivery, outcome.kind === 'crashed' ? { ...outcome, suspects: 1 } : outcome);
    },
  ),
  conclude(
    'one throttled delivery throttles the whole lane',
    'conclude',
    (original) => (context, delivery, outcome) => {
      original(context, delivery, outcome.kind === 'throttled' ? { ...outcome, scope: 'lane' } : outcome);
    },
  ),
  conclude('a lane that is throttled goes on', 'conclude', (original) => (context, delivery, outcome) => {
    original(context, delivery, outcome.kind === 'throttled' ? { ...outcome, scope: 'delivery' } : outcome);
  }),
  conclude('what was misconfigured does not pause the lane', 'conclude', (original) => (context, delivery, outcome) => {
    original(context, delivery, outcome);
    if (outcome.kind === 'misconfigured') context.state.pause = undefined;
  }),

  lastAttempt(
    'attempts are used up by failures alone, as in an outage',
    'isLastAttempt',
    () =>
      ({ rules }, { counts }) => {
        return rules.retry.maxAttempts === 1 || counts.spent >= rules.retry.maxAttempts;
      },
  ),
  lastAttempt('no attempt is ever the last', 'isLastAttempt', () => () => false),
  lastAttempt('a probe is counted towards the dead letter', 'isFinal', (original) => (context, delivery) => {
    if (delivery.phase.kind === 'attempting') delivery.phase = { ...delivery.phase, isProbe: false };
    return original(context, delivery);
  }),
  evidence('a failure counts by what was sent before it', 'Evidence', (original) =>
    withMethod(
      original,
      'delivered',
      (delivered) =>
        function (this: InstanceType<typeof original>, seq, times) {
          return delivered.call(this, seq, { ...times, startedAtMs: times.nowMs });
        },
    ),
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
  lane(
    'a delivery that is handed out counts no failures of this life',
    'createDelivery',
    (original) => (state, ready) => {
      const delivery = original(state, ready);
      delivery.counts = { ...delivery.counts, spent: ready.spent };
      return delivery;
    },
  ),
  queue('nobody remembers what may have broken the adapter', 'ReadyQueue', (original) =>
    withMethod(original, 'isSuspect', () => () => false),
  ),
];

type Attempt = LaneEffect & { readonly kind: 'attempt' };

function changeAttempts(effects: LaneEffect[], change: (effect: Attempt) => Attempt): void {
  for (const [index, effect] of effects.entries()) if (effect.kind === 'attempt') effects[index] = change(effect);
}
