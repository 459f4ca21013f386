import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';

/** An answer to one event: its HTTP status, and how long it took. */
export interface PostAnswer {
  readonly status: number;
  readonly tookMs: number;
}

const PAYLOAD = 'a'.repeat(512);

/** Posts events to /sync over one HTTP/2 connection, by Node's own client: nothing that costs a caller less is at hand. */
export class PostingCaller {
  readonly #session: ClientHttp2Session;
  readonly #tokens: readonly string[];
  readonly #prefix: string;
  #posted = 0;

  private constructor(session: ClientHttp2Session, tokens: readonly string[], prefix: string) {
    this.#session = session;
    this.#tokens = tokens;
    this.#prefix = prefix;
  }

  /** @param tokens of the principals that publish in turns */
  static async connect(address: string, tokens: readonly string[], prefix: string): Promise<PostingCaller> {
    const session = connect(address);
    await once(session, 'connect');
    return new PostingCaller(session, tokens, prefix);
  }

  /** One event, answered once it is on disk, or refused. */
  async post(): Promise<PostAnswer> {
    const number = this.#posted++;
    const body = `{"id":"${this.#prefix}-${number}","type":"ProcessUpdated","payload":{"note":"${PAYLOAD}"}}`;
    const sentAtMs = performance.now();
    const stream = this.#session.request({
      ...{ ':method': 'POST', ':path': '/sync?wait=0s', 'content-type': 'application/json' },
      authorization: `Bearer ${this.#tokens[number % this.#tokens.length]}`,
    });
    stream.end(body);
    const [headers] = await once(stream, 'response');
    await buffer(stream);
    return { status: headers[':status'], tookMs: performance.now() - sentAtMs };
  }

  close(): void {
    this.#session.close();
  }
}
