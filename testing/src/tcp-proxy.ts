import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { setTimeout as elapse } from 'node:timers/promises';

/** What becomes of the bytes that go one way. */
export type NetworkFault =
  /** Each piece comes so much after the one before it. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Bytes are taken and lost. Once that is over, the connections that lost any are reset. */
  | { readonly kind: 'black_hole' }
  /** The bytes are forwarded in pieces of this size, with a delay between them. */
  | { readonly kind: 'trickle'; readonly pieceBytes: number; readonly everyMs: number }
  /** A connection is reset at both ends after this many of its bytes were forwarded in this direction. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** This direction ends after this many bytes of a connection; the other one continues. */
  | { readonly kind: 'half_close'; readonly afterBytes: number };

/** The two ways through a connection, by where they lead. */
export type Way = 'to_server' | 'to_client';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** A Unix socket knows no reset, only an end. */
  readonly isUnix: boolean;
  /** True once a black hole took some of its bytes: what follows them must not come through. */
  isTorn: boolean;
}

/** One way through one connection. */
interface Flow {
  readonly link: Link;
  readonly way: Way;
  readonly to: Socket;
  passedBytes: number;
}

/** A port of 127.0.0.1 that leads to another one over a network that can be disturbed. */
export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #faults = new Map<Way, NetworkFault>();
  #target: URL;
  #lostBytes = 0;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#open(client));
  }

  /** @param target a URL, of which host and port count; its host may be the folder of PostgreSQL's Unix socket */
  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(target));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Such as `http://127.0.0.1:40123`. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** A URL that leads here instead: only its host and port change. */
  through(target: string): string {
    const url = new URL(target);
    url.host = new URL(this.url).host;
    return url.href;
  }

  /** What black holes took so far, of all connections. */
  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** Where connections lead that are made from now on. */
  leadTo(target: string): void {
    this.#target = new URL(target);
  }

  /** Disturbs one way through all connections, those that are open too, in the place of the fault before. */
  disturb(way: Way, fault: NetworkFault): void {
    this.#faults.set(way, fault);
    this.#resetTorn();
  }

  /** From now on everything passes as it comes. */
  heal(): void {
    this.#faults.clear();
    this.#resetTorn();
  }

  /** Resets all connections at both ends. */
  resetAll(): void {
    for (const link of this.#links) reset(link);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.resetAll();
    await closed;
  }

  #open(client: Socket): void {
    const address = addressOf(this.#target);
    const server = connect({ ...address, allowHalfOpen: true, noDelay: true });
    const link: Link = { client, server, isUnix: 'path' in address, isTorn: false };
    this.#links.add(link);
    for (const socket of [client, server]) {
      // What breaks at one end is broken at the other: nobody else needs to know.
      socket.on('error', () => reset(link));
      socket.once('close', () => {
        if (client.closed && server.closed) this.#links.delete(link);
      });
    }
    void this.#carry(link, 'to_server');
    void this.#carry(link, 'to_client');
  }

  async #carry(link: Link, way: Way): Promise<void> {
    const [from, to] = way === 'to_server' ? [link.client, link.server] : [link.server, link.client];
    const flow = { link, way, to, passedBytes: 0 };
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        for (let rest: Buffer = chunk; rest.byteLength > 0; ) rest = rest.subarray(await this.#pass(rest, flow));
      }
      if (!link.isTorn) to.end();
    } catch {
      // The iterator throws on a reset; the other end learns of it as it would without a proxy.
      reset(link);
    }
  }

  /** Does to the bytes what the fault of this moment says. Returns how many of them are dealt with. */
  async #pass(bytes: Buffer, flow: Flow): Promise<number> {
    const fault = this.#faults.get(flow.way);
    switch (fault?.kind) {
      case undefined:
        await write(flow, bytes);
        return bytes.byteLength;
      case 'delay':
        await elapse(fault.delayMs);
        await write(flow, bytes);
        return bytes.byteLength;
      case 'black_hole':
        flow.link.isTorn = true;
        this.#lostBytes += bytes.byteLength;
        return bytes.byteLength;
      case 'trickle': {
        await elapse(fault.everyMs);
        const piece = bytes.subarray(0, fault.pieceBytes);
        await write(flow, piece);
        return piece.byteLength;
      }
      case 'reset':
      case 'half_close': {
        const leftBytes = Math.max(fault.afterBytes - flow.passedBytes, 0);
        await write(flow, bytes.subarray(0, leftBytes));
        if (leftBytes <= bytes.byteLength) cut(fault.kind, flow);
        return bytes.byteLength;
      }
      default:
        return fault satisfies never;
    }
  }

  #resetTorn(): void {
    for (const link of this.#links) if (link.isTorn) reset(link);
  }
}

function addressOf({ hostname, port }: URL): NetConnectOpts {
  const host = decodeURIComponent(hostname);
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port || 5432}` } : { host, port: Number(port) };
}

function reset({ client, server, isUnix }: Link): void {
  client.resetAndDestroy();
  if (isUnix) server.destroy();
  else server.resetAndDestroy();
}

function cut(by: 'reset' | 'half_close', { link, to }: Flow): void {
  if (by === 'reset') reset(link);
  else to.end();
}

/** Resolves once the bytes are out, or can no more be. */
function write(flow: Flow, bytes: Buffer): Promise<void> {
  flow.passedBytes += bytes.byteLength;
  if (bytes.byteLength === 0 || !flow.to.writable) return Promise.resolve();
  return new Promise((resolve) => flow.to.write(bytes, () => resolve()));
}
