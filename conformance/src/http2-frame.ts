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

/** A header block (RFC 7541) of literals that nothing remembers, without Huffman coding. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const literals = Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]);
  return Buffer.concat(literals);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([prefixedInteger(bytes.byteLength), bytes]);
}

/** RFC 7541, 5.1, with a prefix of 7 bits. */
function prefixedInteger(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** SETTINGS of one value, by its identifier (RFC 9113, 6.5.2). */
export function setting(identifier: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(identifier, 0);
  payload.writeUInt32BE(value, 2);
  return frame({ type: 4, flags: 0, stream: 0, payload });
}
