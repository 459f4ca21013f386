import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Ack, DeliveryState, HeldBy } from '@hms-sync/proto/hms/sync/v1/ack';
import { visibleLength, wrappedLines } from './table.ts';
import { type Printer, printable, type Tone } from './terminal.ts';
import { enumName, timeInWords } from './words.ts';

/** The longest of the states' names is DEAD_LETTERED. */
const stateWidth = 13;

/** How an ack is laid out on a line. */
export interface AckLineLayout {
  /** What stands first: how long after the acceptance, a time of day, an event id. */
  lead: string;
  /** The longest adapter id that is to be expected. */
  adapterWidth: number;
}

/** An ack for operators: one line, with its detail on lines of its own where the terminal is too narrow for it. */
export function ackLine(printer: Printer, ack: Ack, layout: AckLineLayout): string {
  const state = enumName(DeliveryState, ack.state);
  const attempt = ack.attempt === 0 ? 'not tried' : `attempt ${ack.attempt}`;
  const said = [
    printer.paint('quiet', layout.lead),
    printable(ack.adapter).padEnd(layout.adapterWidth),
    printer.paint(stateTone(ack.state), state.padEnd(stateWidth)),
    attempt.padEnd(10),
  ].join('  ');
  const whole = `${said}  ${detail(ack)}`.trimEnd();
  if (visibleLength(whole) <= printer.columns) return whole;
  const below = wrappedLines(detail(ack), printer.columns - 4, 0).map((line) => `    ${line}`);
  return [...wrappedLines(said.replaceAll(/ +/g, ' ').trim(), printer.columns), ...below].join('\n');
}

/** What an ack adds to its state, in words. */
export function detail(ack: Ack): string {
  switch (ack.state) {
    case DeliveryState.DELIVERED:
      return printable(ack.receipt);
    case DeliveryState.RETRYING:
      // Without a time it depends on a person: the adapter is paused, which the next line says.
      return ack.nextAttemptTime === undefined
        ? lastError(ack)
        : `${lastError(ack)}; next attempt at ${timeInWords(ack.nextAttemptTime)}`;
    case DeliveryState.HELD:
      return heldInWords(ack.heldBy);
    case DeliveryState.SKIPPED:
      return 'the adapter does not take events of this type';
    case DeliveryState.DEAD_LETTERED:
      return `${lastError(ack)}; waits for an operator`;
    case DeliveryState.DISCARDED:
      return 'discarded by an operator';
    case DeliveryState.WAITING:
    case DeliveryState.UNSPECIFIED:
      return '';
    default:
      return unknown(ack.state);
  }
}

/**
 * What an ack adds to its state where it says how a delivery stands, and not what once happened: a time that has passed
 * is then none to wait for.
 */
export function standingDetail(ack: Ack, nowMs: number): string {
  const { state, nextAttemptTime } = ack;
  const isDue = nextAttemptTime !== undefined && timestampMs(nextAttemptTime) <= nowMs;
  return state === DeliveryState.RETRYING && isDue
    ? `${lastError(ack)}; the next attempt runs, or is about to`
    : detail(ack);
}

/** The last failure of a delivery: its code and its sentence. */
export function lastError(ack: Ack): string {
  if (ack.error === undefined) return 'no error given';
  return printable(`${ack.error.code}: ${ack.error.message}`);
}

/** How a state looks. */
export function stateTone(state: DeliveryState): Tone {
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

function heldInWords(heldBy: HeldBy): string {
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
      return 'the external system asked for less';
    case HeldBy.UNSPECIFIED:
      return '';
    default:
      return unknown(heldBy);
  }
}

/** For values that a newer hub added: shown, never an error. Takes `never`, so that a known value cannot end here. */
function unknown(value: never): string {
  return `(${value}: unknown to this command)`;
}
