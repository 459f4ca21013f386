import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as elapse } from 'node:timers/promises';
import { HTTP2_PREFACE, SETTINGS } from './http2-frame.ts';
import type { Hub } from './hub.ts';

const FRAME_HEAD_BYTES = 9;
const RST_STREAM = 3;

/** An HTTP/2 connection on which every frame is written by hand. It reads and never answers. */
export class Http2Client {
  /** Resolves once the hub has ended the connection. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #resets = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A reset is a way to end it, and a write that comes too late for it is no news.
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => socket.once('close', resolve));
  }

  /**
   * Connects and says the preface.
   *
   * @param settings frames; absent: settings that say nothing
   * @param reads false: what the hub sends stays in the network, unread
   */
  static async open(hub: Hub, { settings = SETTINGS, reads = true } = {}): Promise<Http2Client> {
    const socket = connect({ port: hub.port, host: hub.host, noDelay: true });
    const client = new Http2Client(socket);
    await once(socket, 'connect');
    if (reads) socket.on('data', (chunk: Buffer) => client.#read(chunk));
    socket.write(HTTP2_PREFACE);
    socket.write(settings);
    return client;
  }

  get isOpen(): boolean {
    return !this.#socket.closed;
  }

  /** How many streams the hub has reset. */
  get resets(): number {
    return this.#resets;
  }

  /** Resolves once the bytes have gone out, or never will. */
  write(...frames: readonly Buffer[]): Promise<void> {
    return new Promise((resolve) => this.#socket.write(Buffer.concat(frames), () => resolve()));
  }

  /** As {@link write}, but waits for at most so long: a hub need not read what it does not want. */
  async writeFor(timeoutMs: number, ...frames: readonly Buffer[]): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.write(...frames), elapse(timeoutMs, undefined, { signal: timer.signal })]);
    timer.abort();
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = Buffer.concat([this.#unread, chunk]);
    for (let end = frameEnd(rest); end <= rest.byteLength; end = frameEnd(rest)) {
      if (rest.readUInt8(3) === RST_STREAM) this.#resets += 1;
      rest = rest.subarray(end);
    }
    this.#unread = rest;
  }
}

/** Where the first frame ends, so far as that is known. */
function frameEnd(bytes: Buffer): number {
  return FRAME_HEAD_BYTES + (bytes.byteLength < 3 ? 0 : bytes.readUIntBE(0, 3));
}
