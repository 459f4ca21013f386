import { assignLanes, type HubLoad, laneToGiveBack } from './lane-balance.ts';

/** A hub adds 1 to its beat this often: a load of one small update per hub, whatever its number of lanes. */
export const BEAT_MS = 2_000;
/**
 * A hub begins attempts until this long after it sent the last beat that was answered. Three beats: one may be lost
 * with its connection.
 */
export const TRUST_MS = 6_000;
/**
 * How much longer than trust and the attempt timeout the others wait. It pays for clocks that differ in speed: 16 s on
 * a clock that is 5 % slow is less than 18 s on one that is 5 % fast.
 */
const MARGIN_MS = 2_000;
/** How often the hubs and lanes are read, so that a lane without an owner is noticed soon. */
const PULSE_MS = 250;
/** A request without an answer for this long has lost its connection. Two such requests fit into the trust. */
const REQUEST_TIMEOUT_MS = 2_000;
/** A longer time without an answered pulse says nothing about other hubs: the database may have been away for them too. */
const GAP_MS = 3_000;
/** The hub that is due to claim a lane has this long to do so. Then each hub that can run it claims it. */
const GRACE_MS = 2_000;
/** To move a lane costs what its adapter needs to start: an owner gives back at most one in this time. */
const GIVE_BACK_EVERY_MS = 60_000;
/** From when a lane may be taken over until it is, at the most: the grace, and a few pulses. */
const TAKEOVER_MS = GRACE_MS + 4 * PULSE_MS;

/** How long the beat of an owner must stand still before another hub may take a lane with this attempt timeout. */
export function patienceMs(attemptTimeoutMs: number): number {
  return TRUST_MS + attemptTimeoutMs + MARGIN_MS;
}

/** Both clocks of a hub, read together. The monotonic one stands still in a suspended machine; the other may jump. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** A hub's row. A process that starts gets a new id; the name is that of its data folder. */
export interface HubRow {
  readonly id: string;
  readonly name: string;
  readonly beat: number;
  /** The adapters that it can run; none once it is stopping. */
  readonly canRun: ReadonlySet<string>;
}

export interface LaneRow {
  readonly adapter: string;
  readonly owner: string | undefined;
  readonly epoch: number;
  /** {@link patienceMs} of its attempt timeout. Raised before an attempt may take longer, lowered after the last one. */
  readonly patienceMs: number;
}

/** One transaction's view of the database. */
export interface PulseAnswer {
  /** All hubs, this one too. */
  readonly hubs: readonly HubRow[];
  readonly lanes: readonly LaneRow[];
  /** Changes when a failover may have lost commits: the timeline of PostgreSQL. */
  readonly timeline: number;
  /** The last one that was settled. It differs from `timeline` after a failover, until a hub has waited long enough. */
  readonly settledTimeline: number;
}

/** What happens to a hub. Each request is answered by its number, at most once. */
export type OwnershipInput = { readonly at: Moment } & (
  | { readonly kind: 'time_passed' }
  | {
      readonly kind: 'pulse_answered';
      readonly number: number;
      /** Another number for each connection to the database. */
      readonly session: number;
      /** `hub_unknown`: this hub has no row any more, since it was taken for dead or a failover lost it. */
      readonly answer: PulseAnswer | 'hub_unknown';
    }
  | { readonly kind: 'claim_answered'; readonly number: number; readonly isTaken: boolean }
  /** A release or settle was answered, or any request failed; what it did is seen in the next pulse. */
  | { readonly kind: 'request_ended'; readonly number: number }
  /** No attempt of the lane runs, and all outcomes are on disk or given up. */
  | { readonly kind: 'drained'; readonly adapter: string; readonly epoch: number }
  /** The database refused a write: somebody else owns the lane. */
  | { readonly kind: 'lane_lost'; readonly adapter: string; readonly epoch: number }
  /** The hub stops: it drains and releases its lanes. */
  | { readonly kind: 'stop' }
);

/** One transaction on the connection of the hub. Its answer is reported with its number. */
export type OwnershipRequest =
  /** Read all rows, after adding 1 to this hub's beat and writing that it can run nothing, if so. */
  | { readonly kind: 'pulse'; readonly number: number; readonly beat: boolean; readonly isStopping: boolean }
  /**
   * Become the owner with this epoch, if the timeline, the lane's owner and epoch, and its owner's beat are as seen
   * (`seenBeat` undefined: there is no owner, or its row is gone).
   */
  | {
      readonly kind: 'claim';
      readonly number: number;
      readonly adapter: string;
      readonly epoch: number;
      readonly seenOwner: string | undefined;
      readonly seenEpoch: number;
      readonly seenBeat: number | undefined;
      readonly seenTimeline: number;
    }
  /** Leave the lane without an owner, if it is this hub's with this epoch. */
  | { readonly kind: 'release'; readonly number: number; readonly adapter: string; readonly epoch: number }
  /** Write that this timeline is settled, if it is the current one. */
  | { readonly kind: 'settle'; readonly number: number; readonly timeline: number };

/** What a hub wants done, in this order. */
export type OwnershipEffect =
  | OwnershipRequest
  /** Drop the connection, and connect again for the next request. */
  | { readonly kind: 'reconnect' }
  /** Begin no attempt of any lane; those that run continue. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'resume' }
  /** This hub owns the lane: run it, once an earlier `close` of it is done. */
  | { readonly kind: 'open'; readonly adapter: string; readonly epoch: number }
  /** Begin nothing more in the lane, wait for what runs, then report `drained`. */
  | { readonly kind: 'drain'; readonly adapter: string; readonly epoch: number }
  /** End the adapter's process and forget the lane: another hub may own it. */
  | { readonly kind: 'close'; readonly adapter: string; readonly epoch: number }
  /** Once all lanes are closed: join with a new id, and begin with a new state. */
  | { readonly kind: 'rejoin' }
  /** No lane is this hub's any more: delete its row, and end. */
  | { readonly kind: 'stopped' };

/** The state of a hub among the others. {@link step} changes it in place. */
export interface OwnershipState {
  readonly hub: string;
  readonly name: string;
  /** Earlier processes with this name have ended, and so have their adapters: the lock of the data folder proves it. */
  readonly previousIsDead: boolean;
  at: Moment;
  /** Time since the start by the clock that ran faster in each step: never less than has passed. */
  ageMs: number;
  /** In age. */
  trustedUntilMs: number;
  isHolding: boolean;
  pulseDueAtMs: number;
  beatDueAtMs: number;
  gaveBackAtMs: number;
  /** Requests without an answer. While there are any no pulse is sent, so each pulse shows what they did. */
  readonly requests: Map<number, SentRequest>;
  nextNumber: number;
  session: number | undefined;
  /** In age, the last pulse. */
  answeredAtMs: number;
  timeline: number | undefined;
  /** On the monotonic clock, when the timeline was first seen unsettled; undefined: it is settled. */
  unsettledSinceMs: number | undefined;
  /** By id; owners without a row too. */
  hubs: Map<string, ObservedHub>;
  lanes: Map<string, ObservedLane>;
  /** The lanes that run here. */
  readonly own: Map<string, OwnLane>;
  isStopping: boolean;
  isOver: boolean;
}

interface SentRequest {
  readonly request: OwnershipRequest;
  readonly ageMs: number;
  readonly monotonicMs: number;
}

/** How long a beat stands still: from when the first answer that showed it came, until the last such was asked for. */
interface ObservedHub {
  readonly row: Omit<HubRow, 'beat'> & { readonly beat: number | undefined };
  /** On the monotonic clock. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Its beat changed while this hub watched. */
  readonly hasBeaten: boolean;
}

interface ObservedLane {
  readonly row: LaneRow;
  /** On the wall clock, when this owner and epoch were first seen. */
  readonly sinceWallMs: number;
  /** The highest that was ever seen or claimed: a failover that loses an epoch must not make this hub use it twice. */
  highestEpoch: number;
  /** On the monotonic clock, since when this hub may claim it. */
  claimableSinceMs: number | undefined;
}

interface OwnLane {
  readonly epoch: number;
  attemptTimeoutMs: number;
  phase: 'open' | 'draining' | 'drained';
}

type Context = { readonly state: OwnershipState; readonly effects: OwnershipEffect[] };

export function createOwnership(
  identity: Pick<OwnershipState, 'hub' | 'name' | 'previousIsDead'>,
  at: Moment,
): OwnershipState {
  return {
    ...identity,
    at,
    ageMs: 0,
    trustedUntilMs: Number.NEGATIVE_INFINITY,
    isHolding: true,
    pulseDueAtMs: 0,
    beatDueAtMs: 0,
    gaveBackAtMs: Number.NEGATIVE_INFINITY,
    requests: new Map(),
    nextNumber: 1,
    session: undefined,
    answeredAtMs: 0,
    timeline: undefined,
    unsettledSinceMs: undefined,
    hubs: new Map(),
    lanes: new Map(),
    own: new Map(),
    isStopping: false,
    isOver: false,
  };
}

/**
 * How hubs that share one database decide who owns which lane. An owner begins attempts while its beat was answered a
 * short time ago; another hub takes its lanes when it saw the beat stand still for longer than that and than an attempt
 * takes. No clock is compared with another. The state is changed in place; the same state and input always give the
 * same result.
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
    state.unsettledSinceMs = undefined;
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

/**
 * A failover may have lost the claim of a hub that still attempts. Nobody claims until a hub has seen the new timeline
 * for as long as such a hub may continue.
 */
function settle(context: Context, { timeline, settledTimeline }: PulseAnswer, sent: SentRequest): void {
  const { state } = context;
  if (timeline === settledTimeline) {
    state.unsettledSinceMs = undefined;
    return;
  }
  state.unsettledSinceMs ??= state.at.monotonicMs;
  if (sent.monotonicMs - state.unsettledSinceMs < longestPatienceMs(state)) return;
  send(context, { kind: 'settle', number: state.nextNumber, timeline });
}

function longestPatienceMs({ lanes }: OwnershipState): number {
  return Math.max(0, ...Array.from(lanes.values(), ({ row }) => row.patienceMs));
}

function claimLanes(context: Context): void {
  const { state } = context;
  const { hub, at } = state;
  const unowned: string[] = [];
  for (const [adapter, lane] of state.lanes) {
    if (state.own.has(adapter)) continue;
    const canRun = canRunHere(state, adapter);
    // On paper alone: it gave the lane up, or did not learn that its claim succeeded.
    if (lane.row.owner === hub && !canRun) {
      send(context, { kind: 'release', number: state.nextNumber, adapter, epoch: lane.row.epoch });
    } else if (!canRun || !isClaimable(state, lane.row)) {
      lane.claimableSinceMs = undefined;
    } else {
      lane.claimableSinceMs ??= at.monotonicMs;
      unowned.push(adapter);
    }
  }
  if (state.unsettledSinceMs !== undefined) return;
  const assigned = assignLanes(
    unowned.filter((adapter) => !isOwnOnPaper(state, adapter)),
    hubLoads(state),
  );
  for (const adapter of unowned) {
    const waitedMs = at.monotonicMs - (state.lanes.get(adapter)?.claimableSinceMs ?? at.monotonicMs);
    const isDue = assigned.get(adapter) === hub || isOwnOnPaper(state, adapter) || waitedMs >= GRACE_MS;
    if (isDue) claim(context, adapter);
  }
}

function isClaimable(state: OwnershipState, { adapter, owner: id, patienceMs }: LaneRow): boolean {
  if (id === undefined || isOwnOnPaper(state, adapter)) return true;
  const owner = state.hubs.get(id);
  return owner !== undefined && owner.untilMs - owner.sinceMs >= patienceMs;
}

/** The lane's owner is this hub, or an earlier process of it that has ended. */
function isOwnOnPaper(state: OwnershipState, adapter: string): boolean {
  const owner = state.lanes.get(adapter)?.row.owner;
  return owner !== undefined && (owner === state.hub || isPrevious(state, state.hubs.get(owner)?.row));
}

function canRunHere({ hub, hubs, isStopping }: OwnershipState, adapter: string): boolean {
  return !isStopping && hubs.get(hub)?.row.canRun.has(adapter) === true;
}

function claim(context: Context, adapter: string): void {
  const { state } = context;
  const lane = state.lanes.get(adapter);
  if (lane === undefined || state.timeline === undefined) return;
  const { owner, epoch: seenEpoch } = lane.row;
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
  // Without trust the lane is its own on paper alone: the next pulse with trust claims it again.
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
  if (state.isStopping || state.unsettledSinceMs !== undefined) return;
  if (state.ageMs - state.gaveBackAtMs < GIVE_BACK_EVERY_MS) return;
  const others = hubLoads(state).filter(({ id }) => id !== state.hub && state.hubs.get(id)?.hasBeaten);
  const adapter = laneToGiveBack([...state.own.keys()], others);
  const lane = adapter === undefined ? undefined : state.own.get(adapter);
  if (adapter === undefined || lane === undefined) return;
  state.gaveBackAtMs = state.ageMs;
  drain(context, adapter, lane);
}

/** Of the hubs that live: this one, and those that were seen to beat a short time ago, or are watched since then. */
function hubLoads(state: OwnershipState): HubLoad[] {
  const loads: HubLoad[] = [];
  for (const { row, sinceMs, untilMs, hasBeaten } of state.hubs.values()) {
    const isLive = !isPrevious(state, row) && untilMs - sinceMs < (hasBeaten ? TRUST_MS : BEAT_MS);
    if (row.id !== state.hub && !isLive) continue;
    const lanes = [...state.lanes.values()].filter(({ row: { owner } }) => owner === row.id).length;
    loads.push({ id: row.id, canRun: row.canRun, lanes });
  }
  return loads;
}

/** An earlier process of this hub, which has ended. */
function isPrevious({ hub, name, previousIsDead }: OwnershipState, row: ObservedHub['row'] | undefined): boolean {
  return previousIsDead && row !== undefined && row.name === name && row.id !== hub;
}

function attemptTimeoutMs(row: LaneRow): number {
  return row.patienceMs - TRUST_MS - MARGIN_MS;
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

/** What a hub knows about the owner of a lane. Times are on its wall clock. */
export type LaneOwnership = { readonly adapter: string; readonly epoch: number } & (
  | {
      readonly kind: 'owned';
      /** The owner's name. */
      readonly owner: string;
      /** When this hub first saw it: it may have been the owner before. */
      readonly sinceMs: number;
    }
  | {
      readonly kind: 'no_owner';
      /** When the lane was first seen without an owner, or the last beat of its owner was seen. */
      readonly sinceMs: number;
      /** Taken over then at the latest, if the database can be reached; undefined: no live hub can run it. */
      readonly takenOverByMs: number | undefined;
    }
);

/** For operators: who owns each lane, as far as this hub knows. */
export function laneOwnerships(state: OwnershipState, at: Moment): readonly LaneOwnership[] {
  const live = hubLoads(state);
  return Array.from(state.lanes.values(), ({ row, sinceWallMs }) => {
    const { adapter, epoch } = row;
    const owner = row.owner === undefined ? undefined : state.hubs.get(row.owner);
    const isOwn = row.owner === state.hub;
    const isOwned = isOwn ? state.own.has(adapter) && !state.isHolding : live.some(({ id }) => id === row.owner);
    if (owner !== undefined && isOwned) {
      return { kind: 'owned', adapter, epoch, owner: owner.row.name, sinceMs: sinceWallMs };
    }
    const silentMs = owner === undefined ? 0 : at.monotonicMs - owner.sinceMs;
    const canRun = canRunHere(state, adapter);
    // Another hub may have begun to watch the owner just now.
    const watchedMs = canRun ? silentMs : 0;
    const isFree = row.owner === undefined || isOwn || (canRun && isOwnOnPaper(state, adapter));
    const takeoverMs = isFree ? 0 : row.patienceMs - watchedMs;
    const { unsettledSinceMs } = state;
    const settledMs = unsettledSinceMs === undefined ? 0 : unsettledSinceMs + longestPatienceMs(state) - at.monotonicMs;
    const isAble = canRun || live.some((hub) => hub.canRun.has(adapter) && state.hubs.get(hub.id)?.hasBeaten);
    return {
      kind: 'no_owner',
      adapter,
      epoch,
      sinceMs: owner === undefined || isOwn ? sinceWallMs : at.wallMs - silentMs,
      takenOverByMs: isAble ? at.wallMs + Math.max(0, takeoverMs, settledMs) + TAKEOVER_MS : undefined,
    };
  });
}
