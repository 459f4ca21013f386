/** Flags, then the length of the message, as gRPC and Connect frame the messages of a stream. */
const ENVELOPE_BYTES = 5;

/** Follows the bytes of a request's body and says how much of a message has come that is not whole yet. */
export interface MessageMeter {
  /** Takes the next bytes. Returns how many bytes of an unfinished message there are now. */
  measure(chunk: Uint8Array): number;
}

/** Whether a body of this media type is a row of framed messages, or one message as a whole. */
export function isFramed(contentType: string): boolean {
  return /^application\/(?:grpc|connect\+)/i.test(contentType);
}

/** For a body that is one message: nothing of it is whole before its end. */
export function createWholeMeter(): MessageMeter {
  let bytes = 0;
  return {
    measure(chunk) {
      bytes += chunk.byteLength;
      return bytes;
    },
  };
}

/** For a body of framed messages, however its chunks are cut. */
export function createFramedMeter(): MessageMeter {
  const header = new Uint8Array(ENVELOPE_BYTES);
  const view = new DataView(header.buffer);
  let headerBytes = 0;
  let leftBytes = 0;
  let bytes = 0;
  return {
    measure(chunk) {
      let at = 0;
      while (at < chunk.byteLength) {
        if (leftBytes > 0) {
          const part = Math.min(leftBytes, chunk.byteLength - at);
          leftBytes -= part;
          bytes += part;
          at += part;
        } else {
          header[headerBytes] = chunk[at] ?? 0;
          headerBytes += 1;
          bytes += 1;
          at += 1;
          if (headerBytes === ENVELOPE_BYTES) leftBytes = view.getUint32(1);
        }
        if (headerBytes === ENVELOPE_BYTES && leftBytes === 0) {
          headerBytes = 0;
          bytes = 0;
        }
      }
      return bytes;
    },
  };
}
