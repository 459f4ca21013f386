import { Refusal } from './refusal.ts';

/** Turns places in the journal into the opaque cursors of the contract, and back. */
export class Cursors {
  readonly #journalId: string;

  /** @param journalId names the journal, so that a cursor of another one is recognised */
  constructor(journalId: string) {
    this.#journalId = journalId;
  }

  encode(cursor: number): string {
    return `${this.#journalId}-${cursor}`;
  }

  /**
   * @param field the path of the field that holds it, for the refusal
   * @throws {Refusal} CURSOR_INVALID
   */
  decode(text: string, field: string): number {
    const [journalId, place, ...rest] = text.split('-');
    const cursor = Number(place);
    if (journalId !== this.#journalId || rest.length > 0 || !/^\d{1,15}$/.test(place ?? '')) {
      throw this.unknown(field);
    }
    return cursor;
  }

  /** The refusal of a cursor that is no place in this journal. */
  unknown(field: string): Refusal {
    const description = 'was not made by this hub; use the cursor of an ack from it, or leave it empty to begin now';
    return new Refusal('CURSOR_INVALID', `${field} ${description}`, { fields: [{ field, description }] });
  }
}
