import { MovingPlace, type Positions } from '../journal/positions.ts';
import { invalidField, type RequestError } from './request-error.ts';

/**
 * Turns places in the journal into the opaque cursors of the contract, and back: `4bf92f35-billing.12_records.9`, of
 * each adapter the newest record that lies before it. An adapter's id holds neither dots nor underscores.
 */
export class Cursors {
  readonly #journalId: string;

  /** @param journalId names the journal, so that a cursor of another one is recognised */
  constructor(journalId: string) {
    this.#journalId = journalId;
  }

  /** Called for each ack. */
  encode(place: Positions): string {
    let text = '';
    for (const [adapter, position] of place) text += `${text === '' ? '' : '_'}${adapter}.${position}`;
    return `${this.#journalId}-${text || BEGINNING}`;
  }

  /**
   * @param field the path of the field that holds it, for the error
   * @param newest the place after the newest record: it says what a cursor of an earlier version means, which has one
   *   number for all lanes
   * @throws {RequestError} CURSOR_INVALID
   */
  decode(text: string, field: string, newest: Positions = NOWHERE): Positions {
    const place = new Map<string, number>();
    if (!text.startsWith(`${this.#journalId}-`)) throw this.unknown(field);
    const lanes = text.slice(this.#journalId.length + 1);
    if (lanes === BEGINNING) return place;
    if (EARLIER_VERSION.test(lanes)) return this.#earlierVersion(Number(lanes), field, newest);
    for (const lane of lanes.split('_')) {
      const [, adapter, position] = LANE.exec(lane) ?? [];
      if (adapter === undefined || place.has(adapter)) throw this.unknown(field);
      place.set(adapter, Number(position));
    }
    return new MovingPlace(place).positions;
  }

  /** When the journal was upgraded each record kept its number, which since then counts within its lane. */
  #earlierVersion(position: number, field: string, newest: Positions): Positions {
    if (newest.values().every((own) => own < position)) throw this.unknown(field);
    return new Map(newest.entries().map(([adapter, own]) => [adapter, Math.min(own, position)]));
  }

  /** The error for a cursor that is not a place in this journal. */
  unknown(field: string): RequestError {
    const description = 'was not made by this hub; use the cursor of an ack from it, or leave it empty to begin now';
    return invalidField(field, description, 'CURSOR_INVALID');
  }
}

const NOWHERE: Positions = new Map();
const BEGINNING = '0';
const EARLIER_VERSION = /^[1-9]\d{0,14}$/;
const LANE = /^([a-z][a-z0-9-]{0,62})\.([1-9]\d{0,14})$/;
