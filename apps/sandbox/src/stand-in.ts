import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { admit, pathOf } from './admission.ts';
import { type Answer, jsonAnswer, sendAnswer, trickleAnswer } from './answer.ts';
import { ArmedFault, type Failure, type Treatment, untroubled } from './armed-fault.ts';
import type { Call, CallFault } from './call.ts';
import type { CallLog } from './call-log.ts';
import type { Fault } from './fault.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';
import { Port } from './port.ts';
import { type Random, seededRandom } from './random.ts';
import type { Receipts } from './receipts.ts';
import { type RequestBody, readBody } from './request-body.ts';
import { SandboxError } from './sandbox-error.ts';
import { type SystemName, systems } from './system.ts';

export type StandInOptions = {
  readonly system: SystemName;
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** Calls must carry `Authorization: Bearer <token>`; absent: no credentials are asked for. */
  readonly token: string | undefined;
  /** Every fault that is armed draws its random numbers anew from this seed. */
  readonly seed: number;
  readonly log: CallLog;
  readonly receipts: Receipts;
};

/** A fault as the control port shows it. */
export type ArmedFaultView = { readonly fault: Fault; readonly calls: number };

/** The hub takes events up to 256 KiB, which bytes as base64 make larger; four megabytes leave room for any setting. */
const bodyMaxBytes = 4 * 1024 * 1024;

/**
 * Longer than the pools of callers keep a connection idle. With node's 5 s, a caller's next call can meet the closing of
 * the connection half way, and the benchmark would count resets that no fault has asked for.
 */
const keepAliveTimeoutMs = 65_000;

const faultOf = ({ failure, slowBodyMs, delayMs }: Treatment): CallFault | null => {
  if (failure !== null) return failure.kind;
  if (slowBodyMs > 0) return 'slowBody';
  return delayMs > 0 ? 'latency' : null;
};

/**
 * One outside system: an HTTP server that takes changes on its own path as an idempotent receiver and records each call.
 *
 * What becomes of a call is decided when it has arrived whole: 404, 401 and 400 first, then the fault if there is one,
 * then the effect. Latency holds up the answer alone, so effects have the order of arrival.
 */
export class StandIn {
  readonly system: SystemName;
  readonly #options: StandInOptions;
  readonly #server: Server;
  readonly #port: Port;
  readonly #open = new OpenCalls();
  #armed: ArmedFault | null = null;
  #isClosed = false;
  /** The last opening or closing that was asked for: they happen one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: StandInOptions) {
    this.#options = options;
    this.system = options.system;
    this.#server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, (request, response) =>
      this.#serve(request, response),
    );
    this.#port = new Port({ name: options.system, server: this.#server, host: options.host, port: options.port });
  }

  /** Where the system is reached, without its path. Stays the same while a fault has the port closed. */
  get url(): string {
    return this.#port.url;
  }

  /** The fault at work and how many calls it was for so far, or null. A fault whose `times` are used up is gone. */
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
   * Puts `fault` in the place of the one at work, or ends that one by null. Calls that hang are cut. Resolves when the
   * port is open or closed as it now should be.
   *
   * @throws SandboxError `port_unavailable` when the port was taken by someone else while it was closed, `closed` after
   *   `close`
   */
  setFault(fault: Fault | null): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) throw new SandboxError('closed', `${this.system} was closed: a fault has nothing to act on`);
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
    // Its caller hears of a failure; the next in line only needs to know that it is over.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Two systems with one seed should not fail in step, so the system's name goes into it. */
  #newRandom(): Random {
    return seededRandom(this.#options.seed + Buffer.from(this.system).readUInt32BE());
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    switch (request.method) {
      case 'POST':
        readBody(request, {
          maxBytes: bodyMaxBytes,
          onBody: (body) => this.#take({ request, response, ...body }),
          onTooLarge: () => {
            const message = `the body is over ${bodyMaxBytes} bytes`;
            sendAnswer(response, jsonAnswer(413, { status: 'error', message }, { connection: 'close' }));
          },
        });
        return;
      case 'GET':
      case 'HEAD':
        sendAnswer(response, this.#check(pathOf(request)));
        return;
      default:
        sendAnswer(response, this.#wrongMethod());
    }
  }

  #check(path: string): Answer {
    if (path === '/') return jsonAnswer(200, { status: 'ok', system: this.system });
    const { path: own } = systems[this.system];
    if (path === own) return this.#wrongMethod();
    return jsonAnswer(404, { status: 'error', message: `there is / to check and ${own} to post to` });
  }

  #wrongMethod(): Answer {
    const message = `changes are taken by POST ${systems[this.system].path}`;
    return jsonAnswer(405, { status: 'error', message }, { allow: 'GET, HEAD, POST' });
  }

  #take({ request, response, text, base64, sizeBytes }: Arrival): void {
    const { system, token, log, receipts } = this.#options;
    const { contents, refusal } = admit(request, text, { system: systems[system], token });
    const treatment = refusal === null ? (this.#armed?.treat(contents) ?? untroubled) : untroubled;
    const sequence = log.nextSequence;
    const attempt = receipts.countAttempt(contents.idempotencyKey, sequence);
    const applies = refusal === null && treatment.applied;
    const applied = applies ? receipts.apply(contents.idempotencyKey) : { receipt: null, effect: false };
    const call: Call = {
      ...contents,
      ...applied,
      sequence,
      system,
      atMs: Date.now(),
      attempt,
      overlap: this.#open.countFor(contents.key),
      bodySizeBytes: sizeBytes,
      bodyText: text,
      bodyBase64: base64,
      answeredStatus: null,
      durationMs: null,
      fault: faultOf(treatment),
    };
    const open: OpenCall = { call, response, startedMs: performance.now() };
    this.#begin(open);
    log.add(call);
    const answer =
      refusal === null
        ? jsonAnswer(200, { status: 'ok', receipt: applied.receipt })
        : jsonAnswer(refusal.status, { status: 'error', message: refusal.message });
    if (treatment.delayMs === 0) {
      this.#conclude(open, treatment, answer);
    } else {
      const timer = setTimeout(() => this.#conclude(open, treatment, answer), treatment.delayMs);
      response.once('close', () => clearTimeout(timer));
    }
  }

  #conclude(open: OpenCall, { failure, slowBodyMs }: Treatment, answer: Answer): void {
    switch (failure?.kind) {
      case 'hang':
        return;
      case 'reset':
        open.response.socket?.resetAndDestroy();
        return;
      case 'status':
        this.#answer(open, failureAnswer(failure), slowBodyMs);
        return;
      case undefined:
        this.#answer(open, answer, slowBodyMs);
        return;
      default:
        failure satisfies never;
    }
  }

  #answer(open: OpenCall, answer: Answer, slowBodyMs: number): void {
    if (slowBodyMs > 0) {
      open.response.once('finish', () => this.#end(open, answer.status));
      trickleAnswer(open.response, answer, slowBodyMs);
    } else {
      // Over before it is sent: the caller's next call for the same key must not find this one open.
      this.#end(open, answer.status);
      sendAnswer(open.response, answer);
    }
  }

  #begin(open: OpenCall): void {
    this.#open.add(open);
    open.response.once('close', () => this.#end(open, null));
  }

  /** The first end counts: an answer, or the connection closed without one. */
  #end(open: OpenCall, answeredStatus: number | null): void {
    if (!this.#open.remove(open)) return;
    const { call } = open;
    call.answeredStatus = answeredStatus;
    call.durationMs = performance.now() - open.startedMs;
    this.#options.log.changed();
  }

  #releaseHanging(): void {
    for (const { call, response } of this.#open) {
      if (call.fault === 'hang') response.socket?.destroy();
    }
  }
}

type Arrival = RequestBody & { readonly request: IncomingMessage; readonly response: ServerResponse };

const failureAnswer = ({ status, retryAfter }: Extract<Failure, { kind: 'status' }>): Answer =>
  jsonAnswer(
    status,
    { status: 'error', message: `the sandbox was told to answer ${status}` },
    retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  );
