import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type DeliveryFilter, DeliveryFilterSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { DeliveryPosition } from '../../journal/delivery-page.ts';
import { invalidField } from '../request-error.ts';

/** Turns places in a list into the opaque page tokens of the contract, and back. A token goes with its filter. */
export class PageTokens {
  readonly #journalId: string;
  readonly #filter: Uint8Array;

  /** @param journalId names the journal, so that a token of another one is recognised */
  constructor(journalId: string, filter: DeliveryFilter | undefined) {
    this.#journalId = journalId;
    this.#filter = filter === undefined ? new Uint8Array() : toBinary(DeliveryFilterSchema, filter);
  }

  encode({ seq, adapter }: DeliveryPosition): string {
    const place = `${seq} ${adapter}`;
    return Buffer.from(`${this.#mark(place)} ${place}`).toString('base64url');
  }

  /** @throws {RequestError} REQUEST_INVALID naming page_token */
  decode(token: string): DeliveryPosition {
    const text = Buffer.from(token, 'base64url').toString();
    const [, mark, seq = '', adapter = ''] = /^(\S+) (\d{1,15}) (\S+)$/.exec(text) ?? [];
    if (mark !== this.#mark(`${seq} ${adapter}`)) {
      throw invalidField('page_token', 'was not made by this hub for this filter; begin again without one');
    }
    return { seq: Number(seq), adapter };
  }

  /** No secret: it distinguishes a token that belongs here from one that was mixed up, not from one that was forged. */
  #mark(place: string): string {
    return createHash('sha256')
      .update(`${this.#journalId} ${place} `)
      .update(this.#filter)
      .digest('base64url')
      .slice(0, 12);
  }
}
