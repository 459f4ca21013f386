import { isUtf8 } from 'node:buffer';
import { createServer, type Server } from 'node:http';
import { type Exchange, exchanges, type StandInAnswer } from '@hms-sync/adapter-sdk/stand-in';
import { admit, pathOf } from './admission.ts';
import type { Call, CallFault } from './call.ts';
import type { CallLog } from './call-log.ts';
import {
  ArmedFault,
  type Failure,
  type Fault,
  type Random,
  seededRandom,
  type Treatment,
  UNTROUBLED,
} from './fault.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';
import { Port } from './port.ts';
import type { Receipts } from './receipts.ts';
import { SandboxError } from './sandbox-error.ts';
import { SYSTEMS, type SystemName } from './system.ts';

export interface ExternalSystemOptions {
  readonly system: SystemName;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Calls must have `Authorization: Bearer <token>`; absent: no credential is required. */
  readonly token: string | undefined;
  /** Each fault starts its random numbers from this seed. */
  readonly seed: number;
  readonly log: CallLog;
  readonly receipts: Receipts;
}

/** A fault as the control port shows it. */
export interface ArmedFaultView {
  readonly fault: Fault;
  readonly calls: number;
}

/**
 * Longer than callers keep an idle connection. With Node's 5 s, the server could close a connection just as the caller
 * sends its next call, and the benchmark would count a reset that no fault caused.
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

function faultOf({ failure, slowBodyMs, delayMs }: Treatment): CallFault | null {
  if (failure !== null) return failure.kind;
  if (slowBodyMs > 0) return 'slowBody';
  return delayMs > 0 ? 'latency' : null;
}

/**
 * One external system: an HTTP server that accepts changes on its path, applies each idempotency key once and records
 * each call.
 *
 * The result of a call is decided when its last byte has arrived: 404, 401 and 400 first, then the fault, then the
 * effect. Latency delays only the response, so effects happen in the order of arrival.
 */
export class ExternalSystem {
  readonly system: SystemName;
  readonly #options: ExternalSystemOptions;
  readonly #server: Server;
  readonly #port: Port;
  readonly #open = new OpenCalls();
  #armed: ArmedFault | null = null;
  #isClosed = false;
  /** The last requested opening or closing: they run one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ExternalSystemOptions) {
    this.#options = options;
    this.system = options.system;
    this.#server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
      exchanges((exchange) => this.#serve(exchange)),
    );
    this.#port = new Port({ name: options.system, server: this.#server, host: options.host, port: options.port });
  }

  /** The URL of the system, without its path. Unchanged while a fault has the port closed. */
  get url(): string {
    return this.#port.url;
  }

  /** The current fault and how many calls it applied to, or null. A fault whose `times` are used up has ended. */
  get fault(): ArmedFaultView | null {
    if (this.#armed === null || this.#armed.isSpent) return null;
    return { fault: this.#armed.fault, calls: this.#armed.calls };
  }

  /** @throws SandboxError `port_unavailable` */
  open(): Promise<void> {
    return this.#inTurn(() => this.#port.open());
  }

  /** Closes the port and cuts all connections. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#inTurn(() => this.#port.close());
  }

  /**
   * Replaces the current fault; null clears it. Connections of hanging calls are cut. Resolves when the port is open or
   * closed accordingly.
   *
   * @throws SandboxError `port_unavailable` when another program took the port while it was closed, `closed` after
   *   `close`
   */
  setFault(fault: Fault | null): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) throw new SandboxError('closed', `${this.system} is closed: a fault has no effect`);
      this.#armed = fault === null ? null : new ArmedFault(fault, this.#newRandom());
      this.#releaseHanging();
      if (fault?.down === true) {
        for (const { call } of this.#open) call.fault = 'down';
        await this.#port.close();
      } else if (!this.#server.listening) {
        await this.#port.open();
      }
    });
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    // Its own caller gets the failure; the next one in line only waits for the end.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Includes the system's name, so that two systems with one seed do not fail at the same calls. */
  #newRandom(): Random {
    return seededRandom(this.#options.seed + Buffer.from(this.system).readUInt32BE());
  }

  #serve(exchange: Exchange): void {
    switch (exchange.request.method) {
      case 'POST':
        this.#receive(exchange);
        break;
      case 'GET':
      case 'HEAD':
        exchange.answer(this.#check(pathOf(exchange.request)));
        break;
      default:
        exchange.answer(this.#wrongMethod());
    }
  }

  #check(path: string): StandInAnswer {
    if (path === '/') return { status: 200, body: { status: 'ok', system: this.system } };
    const { path: own } = SYSTEMS[this.system];
    if (path === own) return this.#wrongMethod();
    return {
      status: 404,
      body: { status: 'error', message: `unknown path; GET / checks the system, POST ${own} sends a change` },
    };
  }

  #wrongMethod(): StandInAnswer {
    const message = `send changes with POST ${SYSTEMS[this.system].path}`;
    return { status: 405, headers: { allow: 'GET, HEAD, POST' }, body: { status: 'error', message } };
  }

  #receive(exchange: Exchange): void {
    const { request, bytes } = exchange;
    const { system, token, log, receipts } = this.#options;
    const { contents, rejection } = admit(request, { system: SYSTEMS[system], token });
    const treatment = rejection === null ? (this.#armed?.treat(contents) ?? UNTROUBLED) : UNTROUBLED;
    const sequence = log.nextSequence;
    const attempt = receipts.countAttempt(contents.idempotencyKey, sequence);
    const applies = rejection === null && treatment.applied;
    const applied = applies ? receipts.apply(contents.idempotencyKey) : { receipt: null, effect: false };
    const call: Call = {
      ...contents,
      ...applied,
      sequence,
      system,
      atMs: Date.now(),
      attempt,
      overlap: this.#open.countFor(contents.key),
      bodySizeBytes: bytes.byteLength,
      bodyText: request.body,
      bodyBase64: isUtf8(bytes) ? null : bytes.toString('base64'),
      answeredStatus: null,
      durationMs: null,
      fault: faultOf(treatment),
    };
    this.#begin({ call, exchange, startedMs: performance.now() });
    log.add(call);
    const answer =
      rejection === null
        ? { status: 200, body: { status: 'ok', receipt: applied.receipt } }
        : { status: rejection.status, body: { status: 'error', message: rejection.message } };
    exchange.after(treatment.delayMs, () => conclude(exchange, treatment, answer));
  }

  #begin(open: OpenCall): void {
    this.#open.add(open);
    open.exchange.onEnd((answeredStatus) => {
      this.#open.remove(open);
      const { call } = open;
      call.answeredStatus = answeredStatus ?? null;
      call.durationMs = performance.now() - open.startedMs;
      this.#options.log.changed();
    });
  }

  #releaseHanging(): void {
    for (const { call, exchange } of this.#open) {
      if (call.fault === 'hang') exchange.cut();
    }
  }
}

function conclude(exchange: Exchange, { failure, slowBodyMs }: Treatment, answer: StandInAnswer): void {
  switch (failure?.kind) {
    case 'hang':
      break;
    case 'reset':
      exchange.reset();
      break;
    case 'status':
      exchange.answer(failureAnswer(failure), slowBodyMs);
      break;
    case undefined:
      exchange.answer(answer, slowBodyMs);
      break;
    default:
      failure satisfies never;
  }
}

function failureAnswer({ status, retryAfter }: Extract<Failure, { kind: 'status' }>): StandInAnswer {
  return {
    status,
    ...(retryAfter !== undefined && { headers: { 'retry-after': retryAfter } }),
    body: { status: 'error', message: `a fault of the sandbox answers ${status}` },
  };
}
