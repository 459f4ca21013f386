import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from './sandbox-error.ts';

export interface PortOptions {
  /** The name of the server, for messages: `scheduling`, `control`. */
  readonly name: string;
  readonly server: Server;
  readonly host: string;
  /** 0: any free port on the first `open`; later calls of `open` use the same port again. */
  readonly port: number;
}

/** While the port was closed, another program may have taken it for a moment; after this time that is an error. */
const REOPEN_TIMEOUT_MS = 2_000;
const REOPEN_INTERVAL_MS = 50;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use: stop the program that listens there, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address: choose another host',
  EACCES: 'this user may not listen there: choose a port from 1024 up',
  ENOTFOUND: 'the host name is unknown: choose another host',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/** The port of one server: it can be closed and opened again on the same number. */
export class Port {
  readonly #options: PortOptions;
  #number: number;
  #isKnown = false;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#number = options.port;
  }

  /** Valid after the first `open` has resolved, also while the port is closed. */
  get url(): string {
    const { host } = this.#options;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${this.#number}`;
  }

  /** @throws SandboxError `port_unavailable` */
  async open(): Promise<void> {
    const giveUpAtMs = performance.now() + REOPEN_TIMEOUT_MS;
    for (;;) {
      try {
        await this.#listen();
        return;
      } catch (error) {
        const mayComeBack = this.#isKnown && codeOf(error) === 'EADDRINUSE';
        if (!mayComeBack || performance.now() >= giveUpAtMs) throw this.#unavailable(error);
        await delay(REOPEN_INTERVAL_MS);
      }
    }
  }

  /** Stops listening and cuts all open connections. */
  close(): Promise<void> {
    const { server } = this.#options;
    if (!server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #listen(): Promise<void> {
    const { server, host } = this.#options;
    return new Promise((resolve, reject) => {
      const onListening = (): void => {
        server.off('error', onError);
        const address = server.address();
        if (address !== null && typeof address === 'object') this.#number = address.port;
        this.#isKnown = true;
        resolve();
      };
      const onError = (error: Error): void => {
        server.off('listening', onListening);
        reject(error);
      };
      server.once('listening', onListening);
      server.once('error', onError);
      server.listen({ host, port: this.#number });
    });
  }

  #unavailable(cause: unknown): SandboxError {
    const code = codeOf(cause);
    const reason = REASONS[code] ?? code;
    const { name, host } = this.#options;
    return new SandboxError('port_unavailable', `${name} cannot listen on port ${this.#number} of ${host}: ${reason}`, {
      cause,
    });
  }
}
