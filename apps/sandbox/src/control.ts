import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pathOf } from './admission.ts';
import { type Answer, jsonAnswer, jsonTextAnswer, sendAnswer } from './answer.ts';
import { callAsJson } from './call.ts';
import { limitDefault, parseCallQuery } from './call-query.ts';
import { suggestName } from './nearest-name.ts';
import { readBody } from './request-body.ts';
import type { Sandbox } from './sandbox.ts';
import { SandboxError, type SandboxErrorCode } from './sandbox-error.ts';
import { isSystemName, type SystemName, systemNames } from './system.ts';

/** What the control port can ask of the sandbox. */
export type Controlled = Omit<Sandbox, 'close' | 'waitForCalls'>;

/** A fault is a handful of fields. */
const bodyMaxBytes = 64 * 1024;

const statusOf = (code: SandboxErrorCode): number => {
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
};

const errorAnswer = (error: unknown): Answer => {
  const known =
    error instanceof SandboxError ? error : new SandboxError('internal', 'the sandbox failed', { cause: error });
  const { code, message, problems } = known;
  return jsonAnswer(statusOf(code), { error: { code, message, fields: problems } });
};

type Handle = (address: URL, body: string) => Answer | Promise<Answer>;

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SandboxError('invalid_argument', 'the body must be JSON, such as {"status":503}', { cause });
  }
};

/** The routes of one path, by verb. `/faults/{system}` is a path of its own for each system and for `*`. */
const routesOf = (sandbox: Controlled, path: string): Readonly<Record<string, Handle>> => {
  const faults = (): Answer => jsonAnswer(200, { faults: sandbox.faults() });
  switch (path) {
    case '/':
      return { GET: () => jsonAnswer(200, { control: sandbox.controlUrl, systems: sandbox.urls }) };
    case '/calls':
      return {
        GET: ({ searchParams }) => {
          const calls = sandbox.calls({ limit: limitDefault, ...parseCallQuery(searchParams) });
          return jsonTextAnswer(200, `{"calls":[${calls.map(callAsJson).join(',')}]}`);
        },
        DELETE: () => jsonAnswer(200, { cleared: sandbox.clearCalls() }),
      };
    case '/calls/count':
      return { GET: ({ searchParams }) => jsonAnswer(200, sandbox.countCalls(parseCallQuery(searchParams))) };
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
};

const faultedSystem = (path: string): SystemName | '*' => {
  const [empty, room, system, ...rest] = path.split('/');
  if (empty !== '' || room !== 'faults' || system === undefined || rest.length > 0) {
    throw new SandboxError('not_found', 'there is /, /calls, /calls/count, /faults and /faults/{system}');
  }
  // A client may write the star as %2A.
  if (system === '*' || system.toLowerCase() === '%2a') return '*';
  if (isSystemName(system)) return system;
  throw new SandboxError('not_found', `there is no such system, ${suggestName(system, [...systemNames, '*'])}`);
};

const respond = async (sandbox: Controlled, request: IncomingMessage, body: string): Promise<Answer> => {
  try {
    const path = pathOf(request);
    const routes = routesOf(sandbox, path);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    const handle = Object.hasOwn(routes, method) ? routes[method] : undefined;
    if (handle === undefined) {
      const allow = Object.keys(routes).join(', ');
      const answer = errorAnswer(new SandboxError('method_not_allowed', `${path} takes ${allow}`));
      return { ...answer, headers: { ...answer.headers, allow } };
    }
    const query = (request.url ?? '').slice(path.length);
    return await handle(new URL(`http://sandbox/${query}`), body);
  } catch (error) {
    return errorAnswer(error);
  }
};

/** The server of the control port: what README.md lists, nothing else. It only speaks JSON. */
export const createControlServer = (sandbox: Controlled): Server =>
  createServer((request: IncomingMessage, response: ServerResponse) => {
    readBody(request, {
      maxBytes: bodyMaxBytes,
      onBody: async ({ text }) => sendAnswer(response, await respond(sandbox, request, text)),
      onTooLarge: () => {
        const error = new SandboxError('too_large', `the body is over ${bodyMaxBytes} bytes`);
        const answer = errorAnswer(error);
        sendAnswer(response, { ...answer, headers: { ...answer.headers, connection: 'close' } });
      },
    });
  });
