import { onTestFinished, vi } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import type { Outcome } from '../core/outcome.ts';
import { MemoryDisk } from '../journal/memory/memory-disk.ts';
import { MemoryJournal } from '../journal/memory/memory-journal.ts';
import { sampleAccept, sampleEvent } from '../journal/suite/samples.suite.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import type { Lane } from './lane.ts';
import type { LaneOptions } from './lane-options.ts';
import { createTestLane } from './test-lane.suite.ts';

export const failure = { code: 'HTTP_503', message: 'the other side is unwell' };
export const retryable: Outcome = { kind: 'retryable', failure };

/** A lane for billing on a memory journal and real time, with short waits. Closed with the running test. */
export class LaneBench {
  readonly runtime: ScriptedRuntime;
  readonly journal: MemoryJournal;
  readonly lane: Lane;
  readonly records: RecordedDelivery[] = [];
  readonly held: HeldDelivery[] = [];
  readonly conditions: string[] = [];

  constructor(options: Partial<LaneOptions> & { runtime?: ScriptedRuntime; disk?: MemoryDisk } = {}) {
    const { disk = new MemoryDisk(), runtime = new ScriptedRuntime(), ...rest } = options;
    this.runtime = runtime;
    this.journal = new MemoryJournal({
      disk,
      observer: {
        accepted: (events) => this.lane.accepted(events),
        recorded: (records) => {
          this.records.push(...records);
          for (const record of records) this.lane.recorded(record);
        },
        reopened: (deliveries) => {
          for (const delivery of deliveries) this.lane.reopened(delivery);
        },
      },
      onFatal: (error) => {
        throw error;
      },
    });
    this.lane = createTestLane({
      id: 'billing',
      runtime,
      retry: { baseMs: 1, capMs: 20, maxAttempts: 3 },
      breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 30 },
      journal: this.journal,
      newestSeq: this.journal.info.lastSeq,
      onHeld: (held) => this.held.push(held),
      onChange: () => this.#note(this.lane.health().breaker.condition),
      ...rest,
    });
    onTestFinished(() => this.close());
  }

  #note(condition: string): void {
    if (this.conditions.at(-1) !== condition) this.conditions.push(condition);
  }

  async accept(...ids: readonly string[]): Promise<void> {
    const requests = ids.map((id) =>
      sampleAccept(sampleEvent(id, { key: id.split('/')[1] ?? '' }), { adapters: ['billing'] }),
    );
    await Promise.all(requests.map((request) => this.journal.accept(request)));
  }

  /** As "id: state", in the order in which they were told. */
  get told(): readonly string[] {
    return this.records.map(({ eventId, state }) => `${eventId}: ${state}`);
  }

  async close(): Promise<void> {
    await this.lane.close();
    await this.journal.close();
  }
}

/** Resolves once it is so; what a lane does in real time takes milliseconds. */
export const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 2, timeout: 5_000 });
