import { assignLanes, laneToGiveBack } from './lane-balance.ts';
import type { Moment, OwnershipEffect, OwnershipInput, OwnershipRequest, PulseAnswer } from './ownership-messages.ts';
import {
  attemptTimeoutMs,
  BEAT_MS,
  canRunHere,
  GAP_MS,
  GIVE_BACK_EVERY_MS,
  GRACE_MS,
  hubLoads,
  isClaimable,
  isOwnerByRow,
  isSettled,
  type ObservedHub,
  type ObservedLane,
  type OwnershipState,
  type OwnLane,
  PULSE_MS,
  REQUEST_TIMEOUT_MS,
  type SentRequest,
  TRUST_MS,
} from './ownership-state.ts';

interface Context {
  readonly state: OwnershipState;
  readonly effects: OwnershipEffect[];
}

/**
 * How hubs that share one database decide who owns which lane. An owner begins attempts while its beat was answered a
 * short time ago; another hub takes its lanes when it saw the beat stand still for longer than that and than an attempt
 * takes. No clock is compared with another; what holds is safe while clocks run within 5 % of the right speed. The state
 * is changed in place; the same state and input always give the same result.
 */
export function step(state: OwnershipState, input: OwnershipInput): readonly OwnershipEffect[] {
  if (state.isOver) return [];
  const context: Context = { state, effects: [] };
  passTime(context, input.at);
  accept(context, input);
  sendRequests(context);
  return context.effects;
}

/** To be asked before every attempt: between two steps the process may have stood still. */
export function mayBegin(state: OwnershipState, adapter: string, at: Moment): boolean {
  return state.own.get(adapter)?.phase === 'open' && !state.isHolding && ageAt(state, at) < state.trustedUntilMs;
}

/** When `time_passed` must be reported next, on the monotonic clock. */
export function nextWakeMs(state: OwnershipState): number {
  const [oldest] = state.requests.values();
  let wakeMs = oldest === undefined ? state.pulseDueAtMs : oldest.ageMs + REQUEST_TIMEOUT_MS;
  if (!state.isHolding) wakeMs = Math.min(wakeMs, state.trustedUntilMs);
  else for (const lane of state.own.values()) wakeMs = Math.min(wakeMs, state.trustedUntilMs + lane.attemptTimeoutMs);
  return state.at.monotonicMs + Math.max(0, wakeMs - state.ageMs);
}

function ageAt({ ageMs, at: last }: OwnershipState, at: Moment): number {
  return ageMs + Math.max(0, at.monotonicMs - last.monotonicMs, at.wallMs - last.wallMs);
}

function passTime({ state, effects }: Context, at: Moment): void {
  state.ageMs = ageAt(state, at);
  state.at = at;
  if (state.ageMs >= state.trustedUntilMs && !state.isHolding) {
    state.isHolding = true;
    effects.push({ kind: 'hold' });
  }
  for (const [adapter, lane] of state.own) {
    if (state.ageMs >= state.trustedUntilMs + lane.attemptTimeoutMs) close({ state, effects }, adapter, lane);
  }
  const [oldest] = state.requests.values();
  if (oldest === undefined || state.ageMs < oldest.ageMs + REQUEST_TIMEOUT_MS) return;
  state.requests.clear();
  effects.push({ kind: 'reconnect' });
}

function accept(context: Context, input: OwnershipInput): void {
  const { state } = context;
  switch (input.kind) {
    case 'time_passed':
      break;
    case 'pulse_answered':
      endPulse(context, input);
      break;
    case 'claim_answered':
      endClaim(context, input);
      break;
    case 'request_ended':
      state.requests.delete(input.number);
      break;
    case 'drained': {
      const lane = state.own.get(input.adapter);
      if (lane?.epoch === input.epoch && lane.phase === 'draining') lane.phase = 'drained';
      break;
    }
    case 'lane_lost': {
      const lane = state.own.get(input.adapter);
      if (lane?.epoch === input.epoch) close(context, input.adapter, lane);
      break;
    }
    case 'stop':
      state.isStopping = true;
      state.pulseDueAtMs = state.ageMs;
      state.beatDueAtMs = state.ageMs;
      for (const [adapter, lane] of state.own) drain(context, adapter, lane);
      break;
    default:
      input satisfies never;
  }
}

/** What is due, once nothing is on its way. */
function sendRequests(context: Context): void {
  const { state } = context;
  if (state.isOver || state.requests.size > 0) return;
  for (const [adapter, { epoch, phase }] of state.own) {
    if (phase !== 'drained') continue;
    state.own.delete(adapter);
    send(context, { kind: 'release', number: state.nextNumber, adapter, epoch });
  }
  if (state.requests.size > 0 || state.ageMs < state.pulseDueAtMs) return;
  const beat = state.ageMs >= state.beatDueAtMs;
  state.pulseDueAtMs = state.ageMs + PULSE_MS;
  send(context, { kind: 'pulse', number: state.nextNumber, beat, isStopping: state.isStopping });
}

function send({ state, effects }: Context, request: OwnershipRequest): void {
  state.requests.set(request.number, { request, ageMs: state.ageMs, monotonicMs: state.at.monotonicMs });
  state.nextNumber += 1;
  effects.push(request);
}

function endPulse(context: Context, input: Extract<OwnershipInput, { kind: 'pulse_answered' }>): void {
  const { state, effects } = context;
  const sent = state.requests.get(input.number);
  if (sent?.request.kind !== 'pulse') return;
  state.requests.delete(input.number);
  const { session, answer } = input;
  if (answer === 'hub_unknown') {
    for (const [adapter, lane] of state.own) close(context, adapter, lane);
    state.isOver = true;
    effects.push({ kind: 'rejoin' });
    return;
  }
  const isBroken = session !== state.session || answer.timeline !== state.timeline;
  if (isBroken || state.ageMs - state.answeredAtMs > GAP_MS) {
    state.hubs = new Map();
    state.unsettled = undefined;
  }
  state.session = session;
  state.timeline = answer.timeline;
  state.answeredAtMs = state.ageMs;
  observe(state, answer, sent);
  for (const [adapter, lane] of state.own) {
    const row = state.lanes.get(adapter)?.row;
    if (row?.owner !== state.hub || row.epoch !== lane.epoch) close(context, adapter, lane);
    else lane.attemptTimeoutMs = attemptTimeoutMs(row);
  }
  if (sent.request.beat) extendTrust(context, sent);
  settle(context, answer, sent);
  if (!state.isHolding) {
    claimLanes(context);
    giveBack(context);
  }
  const isOwner = answer.lanes.some(({ owner }) => owner === state.hub);
  if (!state.isStopping || isOwner || state.own.size > 0) return;
  state.isOver = true;
  effects.push({ kind: 'stopped' });
}

function extendTrust({ state, effects }: Context, sent: SentRequest): void {
  state.beatDueAtMs = sent.ageMs + BEAT_MS;
  state.trustedUntilMs = sent.ageMs + TRUST_MS;
  if (!state.isHolding || state.ageMs >= state.trustedUntilMs) return;
  state.isHolding = false;
  effects.push({ kind: 'resume' });
}

/** How long each beat stands still by now, and which lanes have another owner or epoch than before. */
function observe(state: OwnershipState, { hubs, lanes }: PulseAnswer, sent: SentRequest): void {
  const rows = new Map<string, ObservedHub['row']>(hubs.map((row) => [row.id, row]));
  for (const { owner: id } of lanes) {
    if (id !== undefined && !rows.has(id)) rows.set(id, { id, name: id, beat: undefined, canRun: new Set() });
  }
  const { monotonicMs: nowMs, wallMs } = state.at;
  const before = state.hubs;
  state.hubs = new Map();
  for (const [id, row] of rows) {
    const seen = before.get(id);
    const isStill = seen !== undefined && seen.row.beat === row.beat;
    const observed = isStill
      ? { ...seen, row, untilMs: sent.monotonicMs }
      : { row, sinceMs: nowMs, untilMs: nowMs, hasBeaten: seen !== undefined };
    state.hubs.set(id, observed);
  }
  const lanesBefore = state.lanes;
  state.lanes = new Map();
  for (const row of lanes) {
    const seen = lanesBefore.get(row.adapter);
    const isSame = seen !== undefined && seen.row.owner === row.owner && seen.row.epoch === row.epoch;
    const highestEpoch = Math.max(row.epoch, seen?.highestEpoch ?? 0);
    const observed = isSame
      ? { ...seen, row }
      : { row, sinceWallMs: wallMs, highestEpoch, claimableSinceMs: undefined };
    state.lanes.set(row.adapter, observed);
  }
}

/** Once this hub may claim any lane after a failover, so may all. */
function settle(context: Context, { lanes, timeline, settledTimeline }: PulseAnswer, sent: SentRequest): void {
  const { state } = context;
  if (timeline === settledTimeline) {
    state.unsettled = undefined;
    return;
  }
  const sinceMs = state.unsettled?.sinceMs ?? state.at.monotonicMs;
  state.unsettled = { sinceMs, untilMs: sent.monotonicMs };
  if (!lanes.every((lane) => isSettled(state, lane))) return;
  send(context, { kind: 'settle', number: state.nextNumber, timeline });
}

/** Its own lanes again at once; of the others those that are assigned to it, or that nobody claimed in time. */
function claimLanes(context: Context): void {
  const { state } = context;
  const { hub, at } = state;
  const unowned: ObservedLane[] = [];
  for (const [adapter, lane] of state.lanes) {
    if (state.own.has(adapter)) continue;
    const canRun = canRunHere(state, adapter);
    // By the row alone: it closed the lane, or did not learn that its claim succeeded.
    if (lane.row.owner === hub && !canRun) {
      send(context, { kind: 'release', number: state.nextNumber, adapter, epoch: lane.row.epoch });
    } else if (!canRun || !isClaimable(state, lane.row)) {
      lane.claimableSinceMs = undefined;
    } else if (isOwnerByRow(state, lane.row)) {
      claim(context, lane);
    } else {
      lane.claimableSinceMs ??= at.monotonicMs;
      unowned.push(lane);
    }
  }
  const adapters = unowned.map(({ row }) => row.adapter);
  const assigned = assignLanes(adapters, hubLoads(state));
  for (const lane of unowned) {
    const waitedMs = at.monotonicMs - (lane.claimableSinceMs ?? at.monotonicMs);
    if (assigned.get(lane.row.adapter) === hub || waitedMs >= GRACE_MS) claim(context, lane);
  }
}

function claim(context: Context, lane: ObservedLane): void {
  const { state } = context;
  const { adapter, owner, epoch: seenEpoch } = lane.row;
  if (state.timeline === undefined) return;
  lane.highestEpoch += 1;
  send(context, {
    kind: 'claim',
    number: state.nextNumber,
    adapter,
    epoch: lane.highestEpoch,
    seenOwner: owner,
    seenEpoch,
    seenBeat: owner === undefined ? undefined : state.hubs.get(owner)?.row.beat,
    seenTimeline: state.timeline,
  });
}

function endClaim(context: Context, { number, isTaken }: Extract<OwnershipInput, { kind: 'claim_answered' }>): void {
  const { state, effects } = context;
  const request = state.requests.get(number)?.request;
  if (request?.kind !== 'claim') return;
  state.requests.delete(number);
  const row = state.lanes.get(request.adapter)?.row;
  // Without trust it is the owner by the row alone: the next pulse with trust claims the lane again.
  if (!isTaken || row === undefined || state.isHolding) return;
  const { adapter, epoch } = request;
  const phase = state.isStopping ? 'drained' : 'open';
  state.own.set(adapter, { epoch, attemptTimeoutMs: attemptTimeoutMs(row), phase });
  if (phase === 'open') effects.push({ kind: 'open', adapter, epoch });
}

/** One lane goes to a hub that has fewer; and those go that this hub cannot run any more. */
function giveBack(context: Context): void {
  const { state } = context;
  for (const [adapter, lane] of state.own) {
    if (!canRunHere(state, adapter)) drain(context, adapter, lane);
  }
  if (state.isStopping || state.unsettled !== undefined) return;
  if (state.ageMs - state.gaveBackAtMs < GIVE_BACK_EVERY_MS) return;
  const others = hubLoads(state).filter(({ id }) => id !== state.hub && state.hubs.get(id)?.hasBeaten);
  const adapter = laneToGiveBack([...state.own.keys()], others);
  const lane = adapter === undefined ? undefined : state.own.get(adapter);
  if (adapter === undefined || lane === undefined) return;
  state.gaveBackAtMs = state.ageMs;
  drain(context, adapter, lane);
}

function drain({ effects }: Context, adapter: string, lane: OwnLane): void {
  if (lane.phase !== 'open') return;
  lane.phase = 'draining';
  effects.push({ kind: 'drain', adapter, epoch: lane.epoch });
}

function close({ state, effects }: Context, adapter: string, { epoch, phase }: OwnLane): void {
  state.own.delete(adapter);
  if (phase !== 'drained') effects.push({ kind: 'close', adapter, epoch });
}
