import { type IncomingHttpHeaders, request } from 'node:http';

export interface CallAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** From the headers to the end of the body. */
  readonly bodyMs: number;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Sent as it is when it is a string, as JSON otherwise. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** One HTTP call on a connection of its own, so that no test sees the end of another's connection. */
export function call(url: string, { method = 'POST', headers = {}, body, signal }: CallOptions): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        const chunks: Buffer[] = [];
        const headersAtMs = performance.now();
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text === '' ? null : JSON.parse(text),
            bodyMs: performance.now() - headersAtMs,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body));
  });
}

/** One call as an adapter makes it. */
export function push(url: string, event: Record<string, unknown>, options: CallOptions = {}): Promise<CallAnswer> {
  return call(url, {
    ...options,
    headers: { 'content-type': 'application/json', 'idempotency-key': `${event.id}:x`, ...options.headers },
    body: event,
  });
}
