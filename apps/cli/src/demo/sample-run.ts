import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { type Accepted, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { followAcks, publishAndFollow } from '../ack-feed.ts';
import { AckReport, detail, PublishReport } from '../ack-report.ts';
import { ExitCode, Failure } from '../failure.ts';
import { enumName } from '../format.ts';
import type { HubClient } from '../hub-client.ts';
import { type Printer, printable } from '../terminal.ts';

/** Options of a sample run. */
export interface SampleRunOptions {
  event: MessageInitShape<typeof SyncEventSchema>;
  client: HubClient;
  printer: Printer;
  asJson: boolean;
  signal: AbortSignal;
}

/** Publishes one event, prints its acks, and tracks which deliveries are missing. */
export class SampleRun {
  /** Resolves when every delivery is terminal; rejects when the event was rejected or the hub is unreachable. */
  readonly settled: Promise<void>;
  readonly #options: SampleRunOptions;
  readonly #latest = new Map<string, Ack>();
  readonly #latestFailure = new Map<string, Ack>();
  #accepted: Accepted | undefined;

  constructor(options: SampleRunOptions) {
    this.#options = options;
    this.settled = this.#publish();
  }

  /** Resolves when every delivery is terminal, or after the time. */
  async settledWithin(limitMs: number): Promise<void> {
    await Promise.race([this.settled, sleep(limitMs, undefined, { ref: false })]);
  }

  /** @throws Failure with the missing deliveries, unless every adapter has delivered */
  requireDelivered(): void {
    const missing = this.#missingDeliveries();
    if (missing.length === 0) return;
    throw new Failure(['the sample was not delivered everywhere', ...missing].join('\n  '), ExitCode.failed);
  }

  /** Prints the acks of all other events since the sample, until the signal. */
  async printOthers(): Promise<void> {
    const { client, printer, asJson, signal } = this.#options;
    const sampleId = this.#accepted?.eventId;
    const adapterWidth = Math.max(0, ...(this.#accepted?.adapters ?? []).map((adapter) => adapter.length));
    const report = new AckReport(printer, { asJson, adapterWidth });
    const acks = followAcks(client, { eventIds: [], cursor: this.#accepted?.cursor ?? '' }, { signal });
    for await (const ack of acks) {
      if (ack.eventId !== sampleId) report.print(ack);
    }
  }

  /** The missing deliveries and their reasons; empty when all are delivered. */
  #missingDeliveries(): string[] {
    if (this.#accepted === undefined) return ['the hub did not respond'];
    if (this.#accepted.adapters.length === 0) return ['the hub has no adapters'];
    return this.#accepted.adapters.flatMap((adapter) => {
      const ack = this.#latest.get(adapter);
      if (ack === undefined) return [`${printable(adapter)}: no attempt has ended yet`];
      if (ack.state === DeliveryState.DELIVERED) return [];
      const failure = this.#latestFailure.get(adapter);
      // A HELD ack has no error.
      const why = failure === undefined || failure === ack ? '' : `; the last attempt: ${detail(failure)}`;
      const status = `${enumName(DeliveryState, ack.state)}, attempt ${ack.attempt}, ${detail(ack)}`;
      return [`${printable(adapter)}: ${status}${why}`];
    });
  }

  async #publish(): Promise<void> {
    const { event, client, printer, asJson, signal } = this.#options;
    const report = new PublishReport(printer, { asJson });
    for await (const step of publishAndFollow(client, event, { until: PublishUntil.SETTLED, signal })) {
      if (step.kind === 'accepted') this.#accepted = step.accepted;
      else this.#note(step.ack);
      report.print(step);
    }
  }

  #note(ack: Ack): void {
    this.#latest.set(ack.adapter, ack);
    if (ack.error !== undefined) this.#latestFailure.set(ack.adapter, ack);
  }
}
