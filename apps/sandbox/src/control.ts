import { createServer, type Server } from 'node:http';
import { type Exchange, exchanges, type StandInAnswer } from '@hms-sync/adapter-sdk/stand-in';
import { pathOf } from './admission.ts';
import { callAsJson, type RecordedCall } from './call.ts';
import type { CallCount } from './call-log.ts';
import { type CallQuery, LIMIT_DEFAULT, parseCallQuery } from './call-query.ts';
import type { ArmedFaultView } from './external-system.ts';
import { suggestName } from './nearest-name.ts';
import { SandboxError, type SandboxErrorCode } from './sandbox-error.ts';
import { isSystemName, SYSTEM_NAMES, type SystemName } from './system.ts';

/** What the control port can do with the sandbox. */
export interface Controlled {
  /** The URL of each system, without its path; unchanged while it is `down`. */
  readonly urls: Readonly<Record<SystemName, string>>;
  readonly controlUrl: string;
  /** The calls that match, oldest first, as they are now. */
  readonly calls: (query?: CallQuery) => RecordedCall[];
  readonly countCalls: (query?: CallQuery) => CallCount;
  /** Drops all calls, with their idempotency keys and receipts, and returns how many there were. */
  readonly clearCalls: () => number;
  /** The fault at each system, or null. */
  readonly faults: () => Record<SystemName, ArmedFaultView | null>;
  /**
   * Sets the fault of one system or of all, replacing the one before; resolves when it is in effect.
   *
   * @throws SandboxError `invalid_argument` that names each wrong field, `port_unavailable` (see `Fault.down`)
   */
  readonly setFault: (system: SystemName | '*', fault: unknown) => Promise<void>;
  /**
   * Clears the fault of one system or, by default, of all; resolves when they work again.
   *
   * @throws SandboxError `port_unavailable` when another program has taken the port of a system that was down
   */
  readonly clearFaults: (system?: SystemName | '*') => Promise<void>;
}

/** A fault has a few fields. */
const BODY_MAX_BYTES = 64 * 1024;

function statusOf(code: SandboxErrorCode): number {
  switch (code) {
    case 'invalid_argument':
      return 400;
    case 'not_found':
      return 404;
    case 'method_not_allowed':
      return 405;
    case 'port_unavailable':
      return 409;
    case 'too_large':
      return 413;
    case 'closed':
      return 503;
    case 'wait_timed_out':
      return 504;
    case 'internal':
      return 500;
    default:
      return code satisfies never;
  }
}

function errorAnswer(error: unknown): StandInAnswer {
  const known =
    error instanceof SandboxError ? error : new SandboxError('internal', 'the sandbox failed', { cause: error });
  const { code, message, problems } = known;
  return { status: statusOf(code), body: { error: { code, message, fields: problems } } };
}

type Handle = (address: URL, body: string) => StandInAnswer | Promise<StandInAnswer>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SandboxError('invalid_argument', 'the body must be JSON, such as {"status":503}', { cause });
  }
}

function ok(body: unknown): StandInAnswer {
  return { status: 200, body };
}

/** The routes of one path, by method. */
function routesOf(sandbox: Controlled, path: string): Readonly<Record<string, Handle>> {
  const faults = (): StandInAnswer => ok({ faults: sandbox.faults() });
  switch (path) {
    case '/':
      return { GET: () => ok({ control: sandbox.controlUrl, systems: sandbox.urls }) };
    case '/calls':
      return {
        GET: ({ searchParams }) => {
          const calls = sandbox.calls({ limit: LIMIT_DEFAULT, ...parseCallQuery(searchParams) });
          return ok(`{"calls":[${calls.map(callAsJson).join(',')}]}`);
        },
        DELETE: () => ok({ cleared: sandbox.clearCalls() }),
      };
    case '/calls/count':
      return { GET: ({ searchParams }) => ok(sandbox.countCalls(parseCallQuery(searchParams))) };
    case '/faults':
      return { GET: faults };
    default: {
      const system = faultedSystem(path);
      return {
        PUT: async (_, body) => {
          await sandbox.setFault(system, parseJson(body));
          return faults();
        },
        DELETE: async () => {
          await sandbox.clearFaults(system);
          return faults();
        },
      };
    }
  }
}

function faultedSystem(path: string): SystemName | '*' {
  const [empty, room, system, ...rest] = path.split('/');
  if (empty !== '' || room !== 'faults' || system === undefined || rest.length > 0) {
    throw new SandboxError(
      'not_found',
      'unknown path; the paths are /, /calls, /calls/count, /faults and /faults/{system}',
    );
  }
  // A client may write the star as %2A.
  if (system === '*' || system.toLowerCase() === '%2a') return '*';
  if (isSystemName(system)) return system;
  throw new SandboxError('not_found', `there is no such system, ${suggestName(system, [...SYSTEM_NAMES, '*'])}`);
}

async function respond(sandbox: Controlled, { request }: Exchange): Promise<StandInAnswer> {
  try {
    const path = pathOf(request);
    const routes = routesOf(sandbox, path);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const handle = Object.hasOwn(routes, method) ? routes[method] : undefined;
    if (handle === undefined) {
      const allow = Object.keys(routes).join(', ');
      return { ...errorAnswer(new SandboxError('method_not_allowed', `${path} accepts ${allow}`)), headers: { allow } };
    }
    return await handle(new URL(`http://sandbox/${request.path.slice(path.length)}`), request.body);
  } catch (error) {
    return errorAnswer(error);
  }
}

/** The HTTP server of the control port, as README.md describes it. All responses are JSON. */
export function createControlServer(sandbox: Controlled): Server {
  const tooLarge = errorAnswer(new SandboxError('too_large', `the body is over ${BODY_MAX_BYTES} bytes`));
  const answer = async (exchange: Exchange) => exchange.answer(await respond(sandbox, exchange));
  return createServer(exchanges(answer, { bodyMaxBytes: BODY_MAX_BYTES, tooLarge }));
}
