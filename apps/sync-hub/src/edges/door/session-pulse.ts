import type { Http2Session } from 'node:http2';

export interface SessionPulseOptions {
  /** How many requests of the session are open. */
  readonly countOf: (session: Http2Session) => number;
  /** Default: 10 s. */
  readonly everyMs?: number;
}

/** A client answers a ping at once; nothing answers in the middle of headers or of a frame that does not go on. */
const EVERY_MS = 10_000;
/** Asks without an answer, so counted that a hub which stalled itself has missed one and not many. */
const UNANSWERED_MAX = 2;
/** Half a minute for a first request. */
const IDLE_BEFORE_FIRST = 3;
/** A quarter of an hour between two: long enough for a publisher who publishes now and then. */
const IDLE_BETWEEN = 90;

interface SessionStatus {
  unanswered: number;
  idle: number;
  hasAsked: boolean;
}

/**
 * Ends HTTP/2 connections that do not go on: those that answer no ping, such as with headers that are never continued, a
 * frame that stays half, a client that is gone or reads nothing, and those without a request. A request that runs keeps
 * its connection, however long it is silent.
 */
export class SessionPulse {
  readonly #countOf: (session: Http2Session) => number;
  readonly #sessions = new Map<Http2Session, SessionStatus>();
  readonly #timer: NodeJS.Timeout;

  constructor({ countOf, everyMs = EVERY_MS }: SessionPulseOptions) {
    this.#countOf = countOf;
    this.#timer = setInterval(() => this.#beat(), everyMs);
    this.#timer.unref();
  }

  watch(session: Http2Session): void {
    const status = { unanswered: 0, idle: 0, hasAsked: false };
    this.#sessions.set(session, status);
    session.on('stream', () => {
      status.hasAsked = true;
      status.idle = 0;
    });
    session.once('close', () => this.#sessions.delete(session));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    for (const [session, status] of this.#sessions) {
      const isIdle = this.#countOf(session) === 0;
      status.idle = isIdle ? status.idle + 1 : 0;
      // It got GOAWAY, or said so itself, and has nothing to wait for.
      const lingers = isIdle && session.closed;
      if (lingers || status.unanswered >= UNANSWERED_MAX) session.destroy();
      // Sends GOAWAY to the client, which connects again for its next request.
      else if (status.idle >= (status.hasAsked ? IDLE_BETWEEN : IDLE_BEFORE_FIRST)) session.close();
      else ask(session, status);
    }
  }
}

function ask(session: Http2Session, status: SessionStatus): void {
  status.unanswered += 1;
  if (status.unanswered > 1) return;
  try {
    session.ping((error) => {
      if (error === null) status.unanswered = 0;
    });
  } catch {
    // It ends just now.
    session.destroy();
  }
}
