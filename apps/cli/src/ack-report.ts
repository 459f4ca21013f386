import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Ack, type DeliveryError, DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Accepted } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { PublishStep } from './ack-feed.ts';
import { hubText } from './advice.ts';
import { enumName, eventName, formatMs, formatTime, isoTime } from './format.ts';
import { visibleLength, wrappedLines } from './table.ts';
import { type Printer, printable, type Tone } from './terminal.ts';

/** The length of the longest state, DEAD_LETTERED. */
const STATE_WIDTH = 13;
/** Wide enough for the ids of most adapters. */
const USUAL_ADAPTER_WIDTH = 12;

/** Options of an ack report. */
export interface AckReportOptions {
  /** True: as JSON, one object per line. */
  asJson: boolean;
  /** The width of the adapter column; a longer id shifts its own line. */
  adapterWidth?: number;
}

/** Prints acks of any events. */
export class AckReport {
  readonly #printer: Printer;
  readonly #asJson: boolean;
  readonly #adapterWidth: number;

  constructor(printer: Printer, { asJson, adapterWidth = USUAL_ADAPTER_WIDTH }: AckReportOptions) {
    this.#printer = printer;
    this.#asJson = asJson;
    this.#adapterWidth = adapterWidth;
  }

  print(ack: Ack): void {
    if (this.#asJson) {
      this.#printer.json(ackJson(ack));
      return;
    }
    const lead = `${formatTime(ack.time)}  ${eventName(ack.eventId, ack.source)}`;
    this.#printer.line(ackLine(this.#printer, ack, { lead, adapterWidth: this.#adapterWidth }));
  }
}

/** Prints the acceptance of one event and its acks. */
export class PublishReport {
  readonly #printer: Printer;
  readonly #asJson: boolean;
  readonly #address: string | undefined;
  #acceptedAtMs = 0;
  #adapterWidth = 0;

  /** @param options `address` is added to the commands that warnings of the hub propose */
  constructor(printer: Printer, { asJson, address }: { asJson: boolean; address?: string }) {
    this.#printer = printer;
    this.#asJson = asJson;
    this.#address = address;
  }

  print(step: PublishStep): void {
    if (this.#asJson) this.#printer.json(step.kind === 'accepted' ? acceptedJson(step.accepted) : ackJson(step.ack));
    else if (step.kind === 'accepted') this.#printAccepted(step.accepted);
    else {
      const lead = `+${formatMs(performance.now() - this.#acceptedAtMs)}`.padStart(8);
      this.#printer.line(ackLine(this.#printer, step.ack, { lead, adapterWidth: this.#adapterWidth }));
    }
  }

  #printAccepted({ eventId, source, adapters, duplicate, warnings }: Accepted): void {
    this.#acceptedAtMs = performance.now();
    this.#adapterWidth = Math.max(0, ...adapters.map((adapter) => adapter.length));
    const recipients = adapters.map(printable).join(', ') || 'no adapter';
    const again = duplicate ? ' (it was accepted before; these are its outcomes)' : '';
    const texts = [
      `${this.#printer.paint('strong', 'ACCEPTED')}  ${eventName(eventId, source)} for ${recipients}${again}`,
      ...warnings.map((warning) => `${this.#printer.paint('bad', 'WARNING')}   ${hubText(warning, this.#address)}`),
    ];
    for (const line of texts.flatMap((text) => wrappedLines(text, this.#printer.columns))) this.#printer.line(line);
  }
}

/** The layout of an ack on a line. */
export interface AckLineLayout {
  /** The beginning of the line: the time since the acceptance, or the time and the event id. */
  lead: string;
  /** The width of the adapter column. */
  adapterWidth: number;
}

/** An ack as text: one line, or several if the terminal is too narrow. */
export function ackLine(printer: Printer, ack: Ack, layout: AckLineLayout): string {
  const state = enumName(DeliveryState, ack.state);
  const attempt = ack.attempt === 0 ? 'not tried' : `attempt ${ack.attempt}`;
  const facts = [
    printer.paint('quiet', layout.lead),
    printable(ack.adapter).padEnd(layout.adapterWidth),
    printer.paint(deliveryTone(ack.state), state.padEnd(STATE_WIDTH)),
    attempt.padEnd(10),
  ].join('  ');
  const whole = `${facts}  ${detail(ack)}`.trimEnd();
  if (visibleLength(whole) <= printer.columns) return whole;
  const below = wrappedLines(detail(ack), printer.columns - 4, 0).map((line) => `    ${line}`);
  return [...wrappedLines(facts.replaceAll(/ +/g, ' ').trim(), printer.columns), ...below].join('\n');
}

/** The details of an ack, as a sentence. */
export function detail(ack: Ack): string {
  switch (ack.state) {
    case DeliveryState.DELIVERED:
      return printable(ack.receipt);
    case DeliveryState.RETRYING:
      // No time: the adapter is paused, as the next line shows.
      return ack.nextAttemptTime === undefined
        ? lastError(ack)
        : `${lastError(ack)}; next attempt at ${formatTime(ack.nextAttemptTime)}`;
    case DeliveryState.HELD:
      return heldDetail(ack.heldBy);
    case DeliveryState.SKIPPED:
      return 'the adapter does not accept events of this type';
    case DeliveryState.DEAD_LETTERED:
      return `${lastError(ack)}; waits for an operator`;
    case DeliveryState.DISCARDED:
      return 'discarded by an operator';
    case DeliveryState.WAITING:
    case DeliveryState.UNSPECIFIED:
      return '';
    default:
      return unknownValue(ack.state);
  }
}

/**
 * The details of an ack that is the current status of a delivery: the time of its next attempt may have passed.
 */
export function statusDetail(ack: Ack, nowMs: number): string {
  const { state, nextAttemptTime } = ack;
  const isDue = nextAttemptTime !== undefined && timestampMs(nextAttemptTime) <= nowMs;
  return state === DeliveryState.RETRYING && isDue
    ? `${lastError(ack)}; the next attempt runs, or is about to`
    : detail(ack);
}

/** The last failure of a delivery: its code and its message. */
export function lastError(ack: Ack): string {
  return ack.error === undefined ? 'no error given' : printable(`${ack.error.code}: ${ack.error.message}`);
}

/** The color of a delivery's state. */
export function deliveryTone(state: DeliveryState): Tone {
  switch (state) {
    case DeliveryState.DELIVERED:
      return 'good';
    case DeliveryState.DEAD_LETTERED:
    case DeliveryState.DISCARDED:
      return 'bad';
    case DeliveryState.RETRYING:
    case DeliveryState.HELD:
      return 'waiting';
    default:
      return 'quiet';
  }
}

function heldDetail(heldBy: HeldBy): string {
  switch (heldBy) {
    case HeldBy.BREAKER:
      return 'its breaker is open';
    case HeldBy.PAUSED:
      return 'the adapter is paused';
    case HeldBy.KEY:
      return 'an earlier event of the same key comes first';
    case HeldBy.NOT_READY:
      return 'the adapter is not running';
    case HeldBy.THROTTLED:
      return 'the external system limits the rate';
    case HeldBy.UNSPECIFIED:
      return '';
    default:
      return unknownValue(heldBy);
  }
}

/** The text for a value of a newer hub. Accepts `never`, so that the compiler rejects a missing case for a known value. */
function unknownValue(value: never): string {
  return `(${value}: unknown to this command)`;
}

/** An acceptance as one JSON object, with the state "ACCEPTED". */
export function acceptedJson(accepted: Accepted): Record<string, unknown> {
  return {
    event_id: accepted.eventId,
    source: accepted.source || undefined,
    state: 'ACCEPTED',
    adapters: accepted.adapters,
    duplicate: accepted.duplicate,
    cursor: accepted.cursor,
    warnings: accepted.warnings.length > 0 ? accepted.warnings : undefined,
  };
}

/** An ack as one JSON object; members that do not apply to its state are left out. */
export function ackJson(ack: Ack): Record<string, unknown> {
  return {
    event_id: ack.eventId,
    source: ack.source || undefined,
    adapter: ack.adapter,
    state: enumName(DeliveryState, ack.state),
    attempt: ack.attempt,
    cycle: ack.cycle,
    time: isoTime(ack.time),
    adapter_version: ack.adapterVersion || undefined,
    next_attempt_time: isoTime(ack.nextAttemptTime),
    held_by: ack.heldBy === HeldBy.UNSPECIFIED ? undefined : enumName(HeldBy, ack.heldBy),
    error: errorJson(ack.error),
    receipt: ack.state === DeliveryState.DELIVERED ? ack.receipt : undefined,
    cursor: ack.cursor,
  };
}

/** A failure as one JSON object; undefined when there was none. */
export function errorJson(error: DeliveryError | undefined): Record<string, unknown> | undefined {
  if (error === undefined) return undefined;
  // Without an attempt, there is no kind.
  const kind = error.kind === OutcomeKind.UNSPECIFIED ? undefined : enumName(OutcomeKind, error.kind);
  return { kind, code: error.code, message: error.message };
}
