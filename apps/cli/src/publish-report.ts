import type { PublishStep } from './ack-feed.ts';
import { acceptedJson, ackJson } from './ack-json.ts';
import { ackLine } from './ack-line.ts';
import { hubText } from './advice.ts';
import { wrappedLines } from './table.ts';
import { type Printer, printable } from './terminal.ts';
import { eventName } from './words.ts';

/** Tells the steps of one published event as they come: as lines for people, or as JSON, one object a line. */
export class PublishReport {
  readonly #printer: Printer;
  readonly #asJson: boolean;
  readonly #address: string | undefined;
  #acceptedAtMs = 0;
  #adapterWidth = 0;

  constructor(printer: Printer, { asJson, address }: { asJson: boolean; address?: string }) {
    this.#printer = printer;
    this.#asJson = asJson;
    this.#address = address;
  }

  tell(step: PublishStep): void {
    if (step.kind === 'accepted') this.#tellAccepted(step);
    else this.#tellAck(step);
  }

  #tellAccepted({ accepted }: PublishStep & { kind: 'accepted' }): void {
    this.#acceptedAtMs = performance.now();
    this.#adapterWidth = Math.max(0, ...accepted.adapters.map((adapter) => adapter.length));
    if (this.#asJson) {
      this.#printer.json(acceptedJson(accepted));
      return;
    }
    const recipients = accepted.adapters.map(printable).join(', ') || 'no adapter';
    const again = accepted.duplicate ? ' (it was accepted before; these are its outcomes)' : '';
    this.#wrapped(
      `${this.#printer.paint('strong', 'ACCEPTED')}  ${eventName(accepted.eventId, accepted.source)} for ${recipients}${again}`,
    );
    for (const warning of accepted.warnings) {
      this.#wrapped(`${this.#printer.paint('bad', 'WARNING')}   ${hubText(warning, this.#address)}`);
    }
  }

  #wrapped(text: string): void {
    for (const line of wrappedLines(text, this.#printer.columns)) this.#printer.line(line);
  }

  #tellAck({ ack }: PublishStep & { kind: 'ack' }): void {
    if (this.#asJson) {
      this.#printer.json(ackJson(ack));
      return;
    }
    const sinceAcceptedMs = Math.round(performance.now() - this.#acceptedAtMs);
    const lead = `+${sinceAcceptedMs} ms`.padStart(9);
    this.#printer.line(ackLine(this.#printer, ack, { lead, adapterWidth: this.#adapterWidth }));
  }
}
