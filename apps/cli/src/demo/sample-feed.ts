import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { filled, type SampleEvent } from '@hms-sync/adapter-sdk/stand-in';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { followAcks, publishAndFollow } from '../ack-feed.ts';
import { AckReport } from '../ack-report.ts';
import type { HubClient } from '../hub-client.ts';
import type { Printer } from '../terminal.ts';

/** Few, so that the order within a key is visible when an event fails. */
const KEYS = 3;

/** Publishes sample events one after the other and prints all acks, also across restarts of the hub. */
export class SampleFeed {
  readonly #report: AckReport;
  readonly #everyMs: number;
  /** Distinguishes the events of this run from those of another in the same journal. */
  readonly #run = randomBytes(3).toString('hex');
  #count = 0;
  #cursor = '';

  constructor(printer: Printer, { asJson, everyMs }: { asJson: boolean; everyMs: number }) {
    this.#report = new AckReport(printer, { asJson, adapterWidth: 0 });
    this.#everyMs = everyMs;
  }

  /** The next sample as a new event, with one of a few keys. */
  next(samples: readonly SampleEvent[]): MessageInitShape<typeof SyncEventSchema> {
    const sample = samples[this.#count % samples.length];
    if (sample === undefined) throw new TypeError('there is no sample');
    const key = `sample-${(Math.floor(this.#count / samples.length) % KEYS) + 1}`;
    this.#count += 1;
    const id = `${this.#run}-${this.#count}`;
    const data = filled(sample.data, { id, key, payload: `change ${this.#count}` });
    return {
      id,
      source: 'hms-sync-dev',
      type: sample.type,
      key,
      time: timestampNow(),
      payload: { case: 'data', value: Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)) },
      dataContentType: sample.dataContentType ?? 'application/json',
      attributes: sample.attributes ?? {},
    };
  }

  /** Runs until the signal, which ends it with an AbortError, or until the hub is unreachable. */
  async run(client: HubClient, samples: readonly SampleEvent[], signal: AbortSignal): Promise<void> {
    // The first acceptance has the cursor before all acks.
    if (this.#cursor === '') await this.#publish(client, samples, signal);
    await Promise.all([this.#publishMore(client, samples, signal), this.#printAcks(client, signal)]);
  }

  async #publishMore(client: HubClient, samples: readonly SampleEvent[], signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(this.#everyMs, undefined, { signal });
      await this.#publish(client, samples, signal);
    }
  }

  async #publish(client: HubClient, samples: readonly SampleEvent[], signal: AbortSignal): Promise<void> {
    const steps = publishAndFollow(client, this.next(samples), { until: PublishUntil.ACCEPTED, signal });
    for await (const step of steps) {
      if (step.kind === 'accepted' && this.#cursor === '') this.#cursor = step.accepted.cursor;
    }
  }

  async #printAcks(client: HubClient, signal: AbortSignal): Promise<void> {
    for await (const ack of followAcks(client, { eventIds: [], cursor: this.#cursor }, { signal })) {
      this.#cursor = ack.cursor || this.#cursor;
      this.#report.print(ack);
    }
  }
}
