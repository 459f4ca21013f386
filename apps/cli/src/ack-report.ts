import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { ackJson } from './ack-json.ts';
import { ackLine } from './ack-line.ts';
import type { Printer } from './terminal.ts';
import { eventName, timeInWords } from './words.ts';

/** Wide enough for the ids of most adapters. */
const USUAL_ADAPTER_WIDTH = 12;

/** How acks are printed. */
export interface AckReportOptions {
  asJson: boolean;
  /** The longest adapter id that is to be expected; a longer one shifts its own line only. Absent: nobody knows. */
  adapterWidth?: number;
}

/** Prints the acks of whichever events as they come: as lines for people, or as JSON, one object a line. */
export class AckReport {
  readonly #printer: Printer;
  readonly #asJson: boolean;
  readonly #adapterWidth: number;

  constructor(printer: Printer, { asJson, adapterWidth = USUAL_ADAPTER_WIDTH }: AckReportOptions) {
    this.#printer = printer;
    this.#asJson = asJson;
    this.#adapterWidth = adapterWidth;
  }

  tell(ack: Ack): void {
    if (this.#asJson) {
      this.#printer.json(ackJson(ack));
      return;
    }
    const lead = `${timeInWords(ack.time)}  ${eventName(ack.eventId, ack.source)}`;
    this.#printer.line(ackLine(this.#printer, ack, { lead, adapterWidth: this.#adapterWidth }));
  }
}
