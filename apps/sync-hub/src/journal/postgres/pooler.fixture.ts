import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

const PROTOCOL = 196_608;
const SYNC = 'S';
const QUERY = 'Q';
const READY = 'Z';

/** A connection to the server, which one client has at a time. */
interface Session {
  readonly socket: Socket;
  toClient: (message: Buffer) => void;
}

/** A port in front of a PostgreSQL, that gives a session of it to a client for a transaction, or for all of its time. */
export class Pooler {
  readonly #socketPath: string;
  readonly #per: 'transaction' | 'session';
  readonly #server: Server;
  readonly #sessions = new Set<Socket>();
  /** The one that was returned last is given first. */
  readonly #idle: Session[] = [];

  private constructor(folder: string, per: 'transaction' | 'session') {
    this.#socketPath = join(folder, '.s.PGSQL.5432');
    this.#per = per;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** @param url of a server that asks nobody for a password, by its Unix socket */
  static async start(url: string, per: 'transaction' | 'session'): Promise<Pooler> {
    const pooler = new Pooler(decodeURIComponent(new URL(url).hostname), per);
    pooler.#server.listen(0, '127.0.0.1');
    await once(pooler.#server, 'listening');
    return pooler;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${(this.#server.address() as AddressInfo).port}/postgres`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sessions) socket.destroy();
  }

  #serve(client: Socket): void {
    let session: Promise<Session> | undefined;
    let unanswered = 0;
    const give = async (): Promise<Session> => {
      const given = this.#idle.pop() ?? (await this.#open());
      given.toClient = (message) => {
        client.write(message);
        if (typeOf(message) !== READY) return;
        unanswered--;
        const isOver = unanswered === 0 && message.at(-1) === 'I'.charCodeAt(0);
        if (!isOver || this.#per === 'session') return;
        session = undefined;
        this.#idle.push(given);
      };
      return given;
    };
    client.on('error', () => undefined);
    client.on('close', () => void session?.then(({ socket }) => socket.destroy()));
    client.once('data', () => {
      client.write(Buffer.concat([message('R', [0]), message('K', [4_711, 1]), message(READY, ['I'])]));
      onMessages(client, (sent) => {
        if ([SYNC, QUERY].includes(typeOf(sent))) unanswered++;
        session ??= give();
        void session.then(({ socket }) => socket.write(sent));
      });
    });
  }

  async #open(): Promise<Session> {
    const socket = connect(this.#socketPath);
    this.#sessions.add(socket);
    socket.on('error', () => undefined);
    const session: Session = { socket, toClient: () => undefined };
    const parameters = ['user', 'postgres', 'database', 'postgres', ''].map((text) => `${text}\0`);
    socket.write(message('', [PROTOCOL, ...parameters]));
    await new Promise<void>((resolve) => {
      session.toClient = (received) => {
        if (typeOf(received) === READY) resolve();
      };
      onMessages(socket, (received) => session.toClient(received));
    });
    return session;
  }
}

function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}

/** Numbers have 32 bits. */
function message(type: string, values: readonly (number | string)[]): Buffer {
  const content = Buffer.concat(values.map((value) => (typeof value === 'string' ? Buffer.from(value) : int32(value))));
  return Buffer.concat([Buffer.from(type), int32(content.length + 4), content]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Each is a type, a length and so many bytes less one. */
function onMessages(socket: Socket, use: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const length = rest.readInt32BE(1) + 1;
      use(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}
