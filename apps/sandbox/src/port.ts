import type { Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from './sandbox-error.ts';

export interface PortOptions {
  /** What listens here, for messages: `scheduling`, `control`. */
  readonly name: string;
  readonly server: Server;
  readonly host: string;
  /** 0 lets the system choose on the first `open`; every later `open` takes the same one again. */
  readonly port: number;
}

/** A port that was given up for a while may be in someone's hands for a moment; after this long it is reported. */
const REOPEN_TIMEOUT_MS = 2_000;
const REOPEN_INTERVAL_MS = 50;

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use: stop what listens there, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address: choose another host',
  EACCES: 'this user may not listen there: choose a port from 1024 up',
  ENOTFOUND: 'the host name is not known: choose another host',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/** The address of one server: opened, closed, and opened again in the same place. */
export class Port {
  readonly #options: PortOptions;
  #number: number;
  #isKnown = false;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#number = options.port;
  }

  /** Right once `open` has resolved for the first time, and from then on, open or not. */
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

  /** Refuses connections from now on and cuts those that are open. */
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
    const reason = reasons[code] ?? `the system says ${code}`;
    const { name, host } = this.#options;
    return new SandboxError('port_unavailable', `${name} cannot listen on port ${this.#number} of ${host}: ${reason}`, {
      cause,
    });
  }
}
