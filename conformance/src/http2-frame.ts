/** What an HTTP/2 client says first (RFC 9113, 3.4). */
export const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload?: Buffer;
  /** Said instead of the payload's own length. */
  readonly claimedLength?: number;
}

/** A frame of HTTP/2 by hand (RFC 9113, 4.1), right or wrong. */
export function frame({ type, flags, stream, payload = Buffer.alloc(0), claimedLength }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(claimedLength ?? payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Settings that say nothing. */
export const SETTINGS = frame({ type: 4, flags: 0, stream: 0 });
