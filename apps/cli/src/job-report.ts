import { type Job, JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Printer, printable, type Tone } from './terminal.ts';
import { enumName, isoTime } from './words.ts';

/** Tells how a job stands: as lines for people, or as JSON, one object a line. */
export class JobReport {
  readonly #printer: Printer;
  readonly #asJson: boolean;

  constructor(printer: Printer, { asJson }: { asJson: boolean }) {
    this.#printer = printer;
    this.#asJson = asJson;
  }

  tell(job: Job): void {
    if (this.#asJson) this.#printer.json(jobJson(job));
    else this.#printer.line(jobLine(this.#printer, job));
  }

  /** What a run would send, for people. */
  tellCounted(job: Job): void {
    if (job.matched === 0n) this.#printer.line('Nothing to replay: no dead letter matches.');
    else this.#printer.line(`${count(job.matched)} match: ${job.sent} would be sent${leftOut(job)}.`);
  }
}

function jobLine(printer: Printer, job: Job): string {
  const state = printer.paint(tone(job.state), enumName(JobState, job.state));
  return `${printable(job.id)}  ${state}  ${job.sent} of ${count(job.matched)} sent${leftOut(job)}: ${printable(job.reason)}`;
}

/** A job as one JSON object. Counts are numbers. */
export function jobJson(job: Job): Record<string, unknown> {
  return {
    id: job.id || undefined,
    state: enumName(JobState, job.state),
    matched: Number(job.matched),
    skipped_stale: Number(job.skippedStale),
    skipped_replayed: Number(job.skippedReplayed),
    sent: Number(job.sent),
    rate_per_second: job.ratePerSecond,
    reason: job.reason || undefined,
    create_time: isoTime(job.createTime),
  };
}

function leftOut({ skippedStale, skippedReplayed }: Job): string {
  const stale =
    skippedStale === 0n ? '' : `; ${skippedStale} left out, a newer event of their key was delivered (--include-stale)`;
  const replayed =
    skippedReplayed === 0n ? '' : `; ${skippedReplayed} left out, they were replayed before (--include-replayed)`;
  return `${stale}${replayed}`;
}

function count(deliveries: bigint): string {
  return deliveries === 1n ? '1 dead letter' : `${deliveries} dead letters`;
}

function tone(state: JobState): Tone {
  switch (state) {
    case JobState.DONE:
      return 'good';
    case JobState.CANCELLED:
      return 'bad';
    default:
      return 'waiting';
  }
}
