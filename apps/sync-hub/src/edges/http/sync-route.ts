import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../../access/principal.ts';
import type { HttpRequest, HttpResponse, HttpRoute } from '../door/messages.ts';
import { type HubStop, requireLasting } from '../hub-stop.ts';
import { type Publishing, WAIT_MS, type WaitingCaller } from '../publishing/publishing.ts';
import { invalidField, RequestError } from '../request-error.ts';
import { answerJson, type JsonAnswer } from './answer-json.ts';
import { DEFAULT_KEY_FIELDS } from './http-event.ts';
import { ClientGone, type ReadBodyBounds, readBody } from './read-body.ts';
import { errorAnswer, inWordsOf, syncAnswer } from './sync-answer.ts';
import { readSyncEvent, syncFormat } from './sync-format.ts';

export interface SyncRouteOptions {
  readonly publishing: Publishing;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
  /** The members of a payload that may hold the event's key, the likeliest first. Default: processId, policyId, id. */
  readonly keyFields?: readonly string[];
  /** Ends the waiting when the hub stops. */
  readonly stop: HubStop;
  /** What of a request's body is read. */
  readonly bodyBounds?: ReadBodyBounds;
}

/**
 * As large as a message of the rpcs may be, which leaves room for base64 and escapes around the largest event; half a
 * minute for it is 140 kB/s.
 */
const BODY_BOUNDS: ReadBodyBounds = { sizeBytesMax: 4 * 1024 * 1024, withinMs: 30_000 };

/**
 * POST /sync: one event a request, `{type, payload}` or a CloudEvent, for callers without gRPC.
 *
 * Waits for every adapter, at most 10 s or `?wait=<seconds>s`, then answers with the state of the event at each:
 * 200 `{"status":"ok"}`, 202 `{"status":"pending"}` while some still try, 502 `{"status":"failed"}` when one ended
 * without success. Anything else is `{"status":"refused"}` with a reason of docs/errors.md. A caller who goes away
 * takes nothing back.
 */
export function createSyncRoute(options: SyncRouteOptions): HttpRoute {
  return {
    path: '/sync',
    methods: ['POST'],
    needs: 'events.publish',
    handle: (request, response, caller) => void serve(options, request, response, caller).catch(options.onFault),
  };
}

/** One request, from its headers to its answer. */
async function serve(
  options: SyncRouteOptions,
  request: HttpRequest,
  response: HttpResponse,
  caller: Principal,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  // An error event without a listener ends the process.
  response.on('error', () => gone.abort());
  try {
    answerJson(
      request,
      response,
      await publish(options, request, { caller, signal: options.stop.endsWith(gone.signal) }),
    );
  } catch (error) {
    if (error instanceof ClientGone) return void response.destroy();
    answerJson(request, response, errorAnswer(RequestError.of(error, options.onFault)));
  }
}

async function publish(options: SyncRouteOptions, request: HttpRequest, waiting: WaitingCaller): Promise<JsonAnswer> {
  const { publishing, onFault, keyFields = DEFAULT_KEY_FIELDS, bodyBounds = BODY_BOUNDS } = options;
  const { headers } = request;
  const waitMs = waitMsOf(request.url ?? '');
  const format = syncFormat(headers);
  const body = await readBody(request, bodyBounds);
  requireLasting(waiting.caller.lifetime);
  const { event, names } = readSyncEvent(format, { headers, body, keyFields });
  // The trace that the event names is where it began; the request's is only its last step.
  const namesTrace = event.attributes.traceparent !== undefined;
  const attributes = namesTrace ? event.attributes : { ...traceAttributes(headers), ...event.attributes };
  const acceptance = await publishing.accept({ ...event, attributes }, waiting.caller).catch((error: unknown) => {
    throw error instanceof RequestError ? inWordsOf(names, error) : error;
  });
  // From here on it is accepted, and that is what the caller gets, whatever else goes wrong.
  const status = await publishing.wait(acceptance, waitMs, waiting).catch((error: unknown) => {
    onFault(error);
    return undefined;
  });
  return syncAnswer(acceptance, status);
}

/**
 * How long a request wants to wait for its event to settle: `?wait=5s`, written as the contract writes durations in
 * JSON, 0 to 60 s; 10 s when absent.
 *
 * @throws {RequestError} REQUEST_INVALID
 */
export function waitMsOf(url: string): number {
  const query = url.split('?', 2)[1] ?? '';
  const wait = new URLSearchParams(query).get('wait');
  if (wait === null) return WAIT_MS.usual;
  const seconds = /^(\d{1,2}(?:\.\d{1,9})?)s$/.exec(wait)?.[1];
  const waitMs = Number(seconds) * 1_000;
  if (waitMs <= WAIT_MS.most) return Math.ceil(waitMs);
  throw invalidField('wait', `must be 0s to ${WAIT_MS.most / 1_000}s, such as 5s`);
}

/** W3C Trace Context, any version. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/;
/** What the contract lets an attribute hold; the standard asks for half of it. */
const TRACESTATE_MAX = 1_024;

/**
 * The trace that a request belongs to, as attributes of its event. Headers that break the standard are passed over,
 * as it asks: proxies put them there, not the publisher.
 */
export function traceAttributes({ traceparent, tracestate }: IncomingHttpHeaders): Record<string, string> {
  if (typeof traceparent !== 'string' || traceparent.length > 256 || !TRACEPARENT.test(traceparent)) return {};
  if (typeof tracestate !== 'string' || tracestate.length > TRACESTATE_MAX) return { traceparent };
  return { traceparent, tracestate };
}
