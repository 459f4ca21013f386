import type { SyncEvent } from '../../core/event.ts';
import type { AcceptRequest, BackupResult, JournalErrorCode, JournalInfo } from '../journal.ts';
import type { JournalAnswer, JournalRequest } from '../request.ts';

/** What the journal thread is started with. */
export interface ThreadOptions {
  readonly folder: string;
  readonly reserveBytes: number;
  readonly newJournal: boolean;
}

/** To the thread: requests of one turn of the event loop, in their order; or the last message of all. */
export type ToThread =
  | { readonly kind: 'requests'; readonly requests: readonly PackedRequest[]; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'backup'; readonly targetPath: string }
  | { readonly kind: 'close' };

/** From the thread. It ends by itself after `refused`, and after the answers to all that came before `close`. */
export type FromThread =
  | { readonly kind: 'opened'; readonly info: JournalInfo }
  | { readonly kind: 'refused'; readonly code: JournalErrorCode; readonly message: string; readonly cause: unknown }
  /** One commit returned. The answers of the oldest requests, in their order. */
  | { readonly kind: 'answers'; readonly answers: readonly JournalAnswer[] }
  /** The oldest backup that was asked for and not answered. */
  | { readonly kind: 'backedUp'; readonly result: BackupResult }
  | { readonly kind: 'failed'; readonly code: JournalErrorCode; readonly message: string; readonly cause: unknown };

type PackedAccept = Omit<AcceptRequest, 'event' | 'contentHash'> & {
  readonly kind: 'accept';
  readonly event: Omit<SyncEvent, 'data'>;
  /** Its hash and then its payload are the next bytes of the message: so many of each. */
  readonly hashBytes: number;
  readonly payloadBytes: number;
};

type PackedRequest = PackedAccept | Exclude<JournalRequest, { readonly kind: 'accept' }>;

/**
 * Puts the bytes of all requests into one buffer that can be transferred. Sent as they are, each would be copied
 * together with the whole buffer that it is a view of, such as the network message with all events of a batch.
 */
export function packRequests(requests: readonly JournalRequest[]): Extract<ToThread, { kind: 'requests' }> {
  let sizeBytes = 0;
  for (const request of requests) {
    if (request.kind !== 'accept') continue;
    sizeBytes += request.accept.contentHash.byteLength + request.accept.event.data.byteLength;
  }
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  const packed = requests.map((request): PackedRequest => {
    if (request.kind !== 'accept') return request;
    const { event, contentHash, acceptedAtMs, adapters } = request.accept;
    const { data, id, source, type, key, timeMs, dataContentType, attributes } = event;
    bytes.set(contentHash, offset);
    bytes.set(data, offset + contentHash.byteLength);
    offset += contentHash.byteLength + data.byteLength;
    return {
      kind: 'accept',
      event: { id, source, type, key, timeMs, dataContentType, attributes },
      acceptedAtMs,
      adapters,
      hashBytes: contentHash.byteLength,
      payloadBytes: data.byteLength,
    };
  });
  return { kind: 'requests', requests: packed, bytes };
}

/** The requests again, their bytes as views of the message's buffer. */
export function unpackRequests(message: Extract<ToThread, { kind: 'requests' }>): JournalRequest[] {
  let offset = 0;
  const take = (sizeBytes: number) => {
    offset += sizeBytes;
    return message.bytes.subarray(offset - sizeBytes, offset);
  };
  return message.requests.map((request): JournalRequest => {
    if (request.kind !== 'accept') return request;
    const { event, hashBytes, payloadBytes, acceptedAtMs, adapters } = request;
    const contentHash = take(hashBytes);
    const accept = { event: { ...event, data: take(payloadBytes) }, contentHash, acceptedAtMs, adapters };
    return { kind: 'accept', accept };
  });
}
