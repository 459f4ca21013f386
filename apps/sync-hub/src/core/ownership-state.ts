import type { HubLoad } from './lane-balance.ts';
import type { HubRow, LaneRow, Moment, OwnershipRequest } from './ownership-messages.ts';

/** A hub adds 1 to its beat this often: a load of one small update per hub, whatever its number of lanes. */
export const BEAT_MS = 2_000;
/**
 * A hub begins attempts until this long after it sent the last beat that was answered. Three beats: one may be lost
 * with its connection.
 */
export const TRUST_MS = 6_000;
/**
 * The others wait longer than trust and the attempt timeout: by an eighth, for clocks that differ in speed by 5 % each,
 * and by this at least, for what takes its time in between.
 */
const MARGIN_SHARE = 1 / 8;
const MARGIN_MIN_MS = 2_000;
/** How often the hubs and lanes are read, so that a lane without an owner is noticed soon. */
export const PULSE_MS = 250;
/** A request without an answer for this long has lost its connection. Two such requests fit into the trust. */
export const REQUEST_TIMEOUT_MS = 2_000;
/** A longer time without an answered pulse says nothing about other hubs: the database may have been away for them too. */
export const GAP_MS = 3_000;
/** The hub that is due to claim a lane has this long to do so. Then each hub that can run it claims it. */
export const GRACE_MS = 2_000;
/** To move a lane costs what its adapter needs to start: an owner gives back at most one in this time. */
export const GIVE_BACK_EVERY_MS = 60_000;
/** From when a lane may be taken over until it is, at the most: the grace, and a few pulses. */
const TAKEOVER_MS = GRACE_MS + 4 * PULSE_MS;

/** How long the beat of an owner must stand still before another hub may take a lane with this attempt timeout. */
export function patienceMs(attemptTimeoutMs: number): number {
  const activeMs = TRUST_MS + attemptTimeoutMs;
  return Math.ceil(activeMs + Math.max(MARGIN_MIN_MS, activeMs * MARGIN_SHARE));
}

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
  /** How long the timeline was seen to be unsettled; undefined: it is settled. */
  unsettled: Span | undefined;
  /** By id; owners without a row too. */
  hubs: Map<string, ObservedHub>;
  lanes: Map<string, ObservedLane>;
  /** The lanes that run here. */
  readonly own: Map<string, OwnLane>;
  isStopping: boolean;
  isOver: boolean;
}

export interface SentRequest {
  readonly request: OwnershipRequest;
  readonly ageMs: number;
  readonly monotonicMs: number;
}

/** How long something was seen: from when the first answer that showed it came, until the last such was asked for. */
export interface Span {
  /** On the monotonic clock. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** A hub, and how long its beat stands still. */
export interface ObservedHub extends Span {
  readonly row: Omit<HubRow, 'beat'> & { readonly beat: number | undefined };
  /** Its beat changed while this hub watched. */
  readonly hasBeaten: boolean;
}

export interface ObservedLane {
  readonly row: LaneRow;
  /** On the wall clock, when this owner and epoch were first seen. */
  readonly sinceWallMs: number;
  /** The highest that was ever seen or claimed: a failover that loses an epoch must not make this hub use it twice. */
  highestEpoch: number;
  /** On the monotonic clock, since when this hub may claim it. */
  claimableSinceMs: number | undefined;
}

export interface OwnLane {
  readonly epoch: number;
  attemptTimeoutMs: number;
  phase: 'open' | 'draining' | 'drained';
}

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
    unsettled: undefined,
    hubs: new Map(),
    lanes: new Map(),
    own: new Map(),
    isStopping: false,
    isOver: false,
  };
}

/**
 * Nobody else can attempt anything in the lane. Its row does not say so while a failover may have lost the claim of a hub
 * that still attempts.
 */
export function isClaimable(state: OwnershipState, row: LaneRow): boolean {
  if (!isSettled(state, row)) return false;
  if (row.owner === undefined || isOwnerByRow(state, row)) return true;
  const owner = state.hubs.get(row.owner);
  return owner !== undefined && lengthMs(owner) >= row.patienceMs;
}

/** A hub whose claim was lost has stopped by now. */
export function isSettled({ unsettled }: OwnershipState, { patienceMs }: LaneRow): boolean {
  return unsettled === undefined || lengthMs(unsettled) >= patienceMs;
}

/** The lane's row names this hub as its owner, or an earlier process of it that has ended. */
export function isOwnerByRow(state: OwnershipState, { owner }: LaneRow): boolean {
  return owner !== undefined && (owner === state.hub || isPrevious(state, state.hubs.get(owner)?.row));
}

export function canRunHere({ hub, hubs, isStopping }: OwnershipState, adapter: string): boolean {
  return !isStopping && hubs.get(hub)?.row.canRun.has(adapter) === true;
}

/** Of the hubs that live: this one, and those that were seen to beat a short time ago, or are watched since then. */
export function hubLoads(state: OwnershipState): HubLoad[] {
  const loads: HubLoad[] = [];
  for (const seen of state.hubs.values()) {
    const { row } = seen;
    const isLive = !isPrevious(state, row) && lengthMs(seen) < (seen.hasBeaten ? TRUST_MS : BEAT_MS);
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

function lengthMs({ sinceMs, untilMs }: Span): number {
  return untilMs - sinceMs;
}

/** The attempt timeout that led to this {@link patienceMs}. */
export function attemptTimeoutMs({ patienceMs }: LaneRow): number {
  return Math.min(patienceMs - MARGIN_MIN_MS, patienceMs / (1 + MARGIN_SHARE)) - TRUST_MS;
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
    const canRun = canRunHere(state, adapter);
    const silentMs = owner === undefined ? 0 : at.monotonicMs - owner.sinceMs;
    const isFree = row.owner === undefined || isOwn || (canRun && isOwnerByRow(state, row));
    // Another hub may have begun to watch just now.
    const waitMs = (sinceMs: number) => row.patienceMs - (canRun ? at.monotonicMs - sinceMs : 0);
    const takeoverMs = isFree || owner === undefined ? 0 : waitMs(owner.sinceMs);
    const settledMs = state.unsettled === undefined ? 0 : waitMs(state.unsettled.sinceMs);
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
