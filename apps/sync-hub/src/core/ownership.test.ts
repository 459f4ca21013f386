import { describe, expect, it } from 'vitest';
import { mayBegin, nextWakeMs, step } from './ownership.ts';
import type {
  HubRow,
  LaneRow,
  OwnershipEffect,
  OwnershipInput,
  OwnershipRequest,
  PulseAnswer,
} from './ownership-messages.ts';
import { attemptTimeoutMs, createOwnership, laneOwnerships, patienceMs } from './ownership-state.ts';

const WALL_MS = 1_790_000_000_000;
const ME = { id: 'me', name: 'north', beat: 0, canRun: new Set(['billing', 'lab']) };
const OTHER = { id: 'other', name: 'south', beat: 0, canRun: new Set(['billing', 'lab']) };

type Untimed<Input> = Input extends OwnershipInput ? Omit<Input, 'at'> : never;

/** A hub that a test leads, with the rows that the test writes. A pulse is answered at once while `isConnected`. */
class ScriptedHub {
  readonly state;
  readonly hubs = new Map<string, HubRow>([[ME.id, ME]]);
  readonly lanes = new Map<string, LaneRow>();
  timeline = 1;
  settledTimeline = 1;
  session = 1;
  isConnected = true;
  /** A machine that is suspended: its monotonic clock stands still. */
  monotonicMs = 5_000;
  wallMs = WALL_MS;
  /** Other hubs whose beat goes on. */
  readonly beating = new Set<string>();
  readonly requests: OwnershipRequest[] = [];
  readonly effects: OwnershipEffect[] = [];

  constructor(previousIsDead = false) {
    this.state = createOwnership({ hub: ME.id, name: ME.name, previousIsDead }, this.at);
  }

  get at() {
    return { monotonicMs: this.monotonicMs, wallMs: this.wallMs };
  }

  lane(adapter: string, owner?: string, epoch = owner === undefined ? 0 : 1): void {
    this.lanes.set(adapter, { adapter, owner, epoch, patienceMs: patienceMs(10_000) });
  }

  step(input: Untimed<OwnershipInput>): void {
    for (const effect of step(this.state, { ...input, at: this.at } as OwnershipInput)) this.#perform(effect);
  }

  /** Time passes, a pulse at a time. */
  pass(ms: number): void {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      this.monotonicMs += 250;
      this.wallMs += 250;
      for (const id of this.beating) this.#beat(id);
      this.step({ kind: 'time_passed' });
    }
  }

  /** The kinds of what it did about lanes since it was last asked, with the adapter. */
  done(): string[] {
    const lanes = this.effects.splice(0).filter((effect) => 'adapter' in effect);
    return lanes.map(({ kind, adapter }) => `${kind} ${adapter}`);
  }

  mayBegin(adapter: string): boolean {
    return mayBegin(this.state, adapter, this.at);
  }

  view(): PulseAnswer {
    const { hubs, lanes, timeline, settledTimeline } = this;
    return { hubs: [...hubs.values()], lanes: [...lanes.values()], timeline, settledTimeline };
  }

  #perform(effect: OwnershipEffect): void {
    this.effects.push(effect);
    if (!('number' in effect)) return;
    this.requests.push(effect);
    if (this.isConnected) this.step(this.#answer(effect));
  }

  #answer(request: OwnershipRequest): Untimed<OwnershipInput> {
    const { number, kind } = request;
    if (kind === 'pulse') {
      if (request.beat) this.#beat(ME.id);
      return { kind: 'pulse_answered', number, session: this.session, answer: this.view() };
    }
    if (kind === 'settle') this.settledTimeline = request.timeline;
    if (kind === 'release') this.lane(request.adapter, undefined, request.epoch);
    if (kind !== 'claim') return { kind: 'request_ended', number };
    this.lane(request.adapter, ME.id, request.epoch);
    return { kind: 'claim_answered', number, isTaken: true };
  }

  #beat(id: string): void {
    const row = this.hubs.get(id);
    if (row !== undefined) this.hubs.set(id, { ...row, beat: row.beat + 1 });
  }
}

function startedHub(previousIsDead = false): ScriptedHub {
  const hub = new ScriptedHub(previousIsDead);
  hub.lane('billing');
  return hub;
}

function owner(): ScriptedHub {
  const hub = startedHub();
  hub.step({ kind: 'time_passed' });
  hub.done();
  return hub;
}

describe('a hub', () => {
  it('claims a lane without an owner with the next epoch, and may begin attempts in it', () => {
    const hub = startedHub();
    expect(hub.mayBegin('billing')).toBe(false);
    hub.step({ kind: 'time_passed' });
    expect(hub.effects.map(({ kind }) => kind)).toEqual(['pulse', 'resume', 'claim', 'open']);
    expect(hub.lanes.get('billing')).toMatchObject({ owner: 'me', epoch: 1 });
    expect(hub.mayBegin('billing')).toBe(true);
    expect(hub.mayBegin('lab')).toBe(false);
  });

  it('beats every two seconds, and reads the rows four times a second', () => {
    const hub = owner();
    hub.requests.length = 0;
    hub.pass(4_000);
    const pulses = hub.requests.filter(({ kind }) => kind === 'pulse');
    expect(pulses).toHaveLength(16);
    expect(pulses.filter((pulse) => 'beat' in pulse && pulse.beat)).toHaveLength(2);
  });

  it('begins nothing from 6 s after it sent the last beat that was answered', () => {
    const hub = owner();
    hub.isConnected = false;
    hub.pass(5_750);
    expect(hub.mayBegin('billing')).toBe(true);
    hub.monotonicMs += 250;
    expect(hub.mayBegin('billing')).toBe(false);
    hub.step({ kind: 'time_passed' });
    expect(hub.effects.map(({ kind }) => kind)).toContain('hold');
    expect(hub.done()).toEqual([]);
  });

  it('counts from when the beat was sent, however late its answer comes', () => {
    const hub = owner();
    hub.pass(1_750);
    hub.isConnected = false;
    hub.pass(250);
    const beat = hub.requests.at(-1);
    expect(beat).toMatchObject({ kind: 'pulse', beat: true });
    hub.pass(1_750);
    hub.step({ kind: 'pulse_answered', number: beat?.number ?? 0, session: 1, answer: hub.view() });
    hub.pass(4_000);
    expect(hub.mayBegin('billing')).toBe(true);
    hub.pass(250);
    expect(hub.mayBegin('billing')).toBe(false);
  });

  it('ends the adapter when an attempt cannot run any more, and claims the lane again once it is connected', () => {
    const hub = owner();
    hub.isConnected = false;
    hub.pass(15_750);
    expect(hub.done()).toEqual([]);
    hub.pass(250);
    expect(hub.done()).toEqual(['close billing']);
    hub.isConnected = true;
    hub.session = 2;
    hub.pass(2_500);
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
    expect(hub.lanes.get('billing')).toMatchObject({ owner: 'me', epoch: 2 });
  });

  it('goes on when it is connected again in time', () => {
    const hub = owner();
    hub.isConnected = false;
    hub.pass(10_000);
    hub.isConnected = true;
    hub.pass(2_500);
    expect(hub.done()).toEqual([]);
    expect(hub.mayBegin('billing')).toBe(true);
  });

  it('trusts neither a machine that was suspended nor a clock that is set back', () => {
    const hub = owner();
    hub.wallMs -= 3_600_000;
    hub.step({ kind: 'time_passed' });
    expect(hub.mayBegin('billing')).toBe(true);
    hub.wallMs += 7_000;
    expect(hub.mayBegin('billing')).toBe(false);
  });

  it('drops its connection when nothing was answered for 2 s, and takes no later answer', () => {
    const hub = owner();
    hub.isConnected = false;
    hub.pass(2_250);
    expect(hub.effects.map(({ kind }) => kind)).toContain('reconnect');
    const [lost] = hub.requests.slice(-2);
    hub.lane('lab');
    hub.step({ kind: 'pulse_answered', number: lost?.number ?? 0, session: 1, answer: hub.view() });
    expect(hub.done()).toEqual([]);
  });

  it('lets a lane go when a write says that it is lost, and when the rows say so', () => {
    const hub = owner();
    hub.step({ kind: 'lane_lost', adapter: 'billing', epoch: 0 });
    expect(hub.done()).toEqual([]);
    hub.lane('billing', 'other', 2);
    hub.step({ kind: 'lane_lost', adapter: 'billing', epoch: 1 });
    expect(hub.done()).toEqual(['close billing']);
    const second = owner();
    second.lane('billing', 'other', 2);
    second.pass(250);
    expect(second.done()).toEqual(['close billing']);
  });

  it('joins again when its row is gone', () => {
    const hub = owner();
    hub.isConnected = false;
    hub.pass(250);
    hub.step({
      kind: 'pulse_answered',
      number: hub.requests.at(-1)?.number ?? 0,
      session: 1,
      answer: 'hub_unknown',
    });
    expect(hub.effects.slice(-2).map(({ kind }) => kind)).toEqual(['close', 'rejoin']);
    hub.pass(1_000);
    expect(hub.effects.at(-1)?.kind).toBe('rejoin');
  });

  it('says when it must be woken', () => {
    const hub = owner();
    expect(nextWakeMs(hub.state)).toBe(hub.monotonicMs + 250);
    hub.isConnected = false;
    hub.pass(250);
    expect(nextWakeMs(hub.state)).toBe(hub.monotonicMs + 2_000);
  });
});

describe('the lanes of another hub', () => {
  function beside(): ScriptedHub {
    const hub = startedHub();
    hub.hubs.set('other', OTHER);
    hub.lane('billing', 'other');
    hub.step({ kind: 'time_passed' });
    return hub;
  }

  it('are left to it while it beats', () => {
    const hub = beside();
    hub.beating.add('other');
    hub.pass(60_000);
    expect(hub.done()).toEqual([]);
  });

  it('are taken over once its beat stood still for trust, an attempt and a margin', () => {
    const hub = beside();
    hub.pass(17_750);
    expect(hub.done()).toEqual([]);
    hub.pass(250);
    expect(hub.requests.at(-1)).toMatchObject({
      kind: 'claim',
      seenOwner: 'other',
      seenEpoch: 1,
      seenBeat: 0,
      epoch: 2,
    });
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
  });

  it('are watched from the beginning after a connection broke, and after a gap', () => {
    const hub = beside();
    hub.pass(17_000);
    hub.session = 2;
    hub.pass(17_750);
    expect(hub.done()).toEqual([]);
    hub.isConnected = false;
    hub.pass(1_000);
    hub.monotonicMs += 30_000;
    hub.wallMs += 30_000;
    hub.isConnected = true;
    hub.pass(17_750);
    expect(hub.done()).toEqual([]);
    hub.pass(1_000);
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
  });

  it('are its own at once when it is an earlier process of this hub', () => {
    const hub = startedHub(true);
    hub.hubs.set('before', { ...ME, id: 'before', beat: 7 });
    hub.lane('billing', 'before');
    hub.step({ kind: 'time_passed' });
    expect(hub.requests.at(-1)).toMatchObject({ seenOwner: 'before', seenBeat: 7 });
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
  });

  it('are claimed by any hub when the one that is due does not', () => {
    const hub = startedHub();
    hub.hubs.set('a-hub', { ...OTHER, id: 'a-hub' });
    hub.beating.add('a-hub');
    hub.step({ kind: 'time_passed' });
    hub.pass(1_750);
    expect(hub.done()).toEqual([]);
    hub.pass(250);
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
  });

  it('are not claimed while a failover may have lost who owns them', () => {
    const hub = startedHub();
    hub.timeline = 2;
    hub.step({ kind: 'time_passed' });
    hub.pass(17_750);
    expect(hub.done()).toEqual([]);
    hub.pass(250);
    expect(hub.done()).toEqual(['claim billing', 'open billing']);
    expect(hub.settledTimeline).toBe(2);
  });

  it('never get an epoch for a second time that a failover lost', () => {
    const hub = owner();
    hub.lane('billing', undefined, 0);
    hub.pass(500);
    expect(hub.lanes.get('billing')).toMatchObject({ owner: 'me', epoch: 2 });
  });
});

describe('lanes move', () => {
  it('drained, when a hub stops: it releases them, then it is stopped', () => {
    const hub = owner();
    hub.step({ kind: 'stop' });
    expect(hub.requests.at(-1)).toMatchObject({ kind: 'pulse', beat: true, isStopping: true });
    expect(hub.done()).toEqual(['drain billing']);
    hub.pass(1_000);
    hub.step({ kind: 'drained', adapter: 'billing', epoch: 1 });
    expect(hub.lanes.get('billing')?.owner).toBeUndefined();
    expect(hub.done()).toEqual(['release billing']);
    hub.pass(250);
    expect(hub.effects.at(-1)?.kind).toBe('stopped');
  });

  it('to a hub that has two fewer, one a minute', () => {
    const hub = new ScriptedHub();
    const adapters = ['a', 'b', 'c', 'd'];
    hub.hubs.set(ME.id, { ...ME, canRun: new Set(adapters) });
    for (const adapter of adapters) hub.lane(adapter);
    hub.step({ kind: 'time_passed' });
    hub.pass(500);
    hub.done();
    hub.hubs.set('z-hub', { ...OTHER, id: 'z-hub', canRun: new Set(adapters) });
    hub.pass(1_000);
    expect(hub.done()).toEqual([]);
    hub.beating.add('z-hub');
    hub.pass(500);
    expect(hub.done()).toEqual(['drain a']);
    hub.lane('a', 'z-hub', 2);
    hub.pass(59_000);
    expect(hub.done()).toEqual(['close a']);
    hub.pass(1_000);
    expect(hub.done()).toEqual(['drain b']);
    hub.lane('b', 'z-hub', 2);
    hub.pass(180_000);
    expect(hub.done()).toEqual(['close b']);
  });

  it('from a hub that cannot run them any more', () => {
    const hub = owner();
    hub.hubs.set(ME.id, { ...ME, canRun: new Set() });
    hub.pass(250);
    expect(hub.done()).toEqual(['drain billing']);
  });
});

describe('how long others wait', () => {
  it('is 18 s for attempts of 10 s, and grows with them', () => {
    expect([1_000, 10_000, 600_000].map(patienceMs)).toEqual([9_000, 18_000, 681_750]);
    for (const ms of [1, 1_000, 10_000, 12_345, 600_000]) {
      const row = { adapter: 'lab', owner: undefined, epoch: 0, patienceMs: patienceMs(ms) };
      expect(attemptTimeoutMs(row)).toBeGreaterThanOrEqual(ms);
      expect(attemptTimeoutMs(row)).toBeLessThan(ms + 1);
    }
  });
});

describe('an operator sees', () => {
  it('who owns a lane, and since when this hub knows it', () => {
    const hub = owner();
    hub.pass(1_000);
    hub.pass(1_000);
    expect(laneOwnerships(hub.state, hub.at)).toEqual([
      { kind: 'owned', adapter: 'billing', epoch: 1, owner: 'north', sinceMs: WALL_MS + 250 },
    ]);
  });

  it('since when a lane has no owner, and when it has one at the latest', () => {
    const hub = startedHub();
    hub.hubs.set('other', OTHER);
    hub.lane('billing', 'other');
    hub.step({ kind: 'time_passed' });
    hub.pass(8_000);
    expect(laneOwnerships(hub.state, hub.at)).toEqual([
      { kind: 'no_owner', adapter: 'billing', epoch: 1, sinceMs: WALL_MS, takenOverByMs: WALL_MS + 21_000 },
    ]);
  });

  it('that no live hub can run it', () => {
    const hub = startedHub();
    hub.hubs.set(ME.id, { ...ME, canRun: new Set() });
    hub.step({ kind: 'time_passed' });
    expect(laneOwnerships(hub.state, hub.at)).toEqual([
      { kind: 'no_owner', adapter: 'billing', epoch: 0, sinceMs: WALL_MS, takenOverByMs: undefined },
    ]);
  });
});
