import { connect } from 'node:net';
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AccessService } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { commandLine } from './advice.ts';
import { ADVICE_TO_READERS, apiFailure } from './api-failure.ts';
import { ExitCode, Failure } from './failure.ts';
import { currentCa, currentToken } from './hub-access.ts';
import { stopSignal } from './stop-signal.ts';

/** The services of one hub, over one HTTP/2 connection. */
export interface HubClient {
  /** The URL of the hub, for messages. */
  readonly address: string;
  readonly sync: Client<typeof SyncService>;
  readonly health: Client<typeof HealthService>;
  readonly admin: Client<typeof AdminService>;
  readonly access: Client<typeof AccessService>;
  readonly audit: Client<typeof AuditService>;
  /** Ends the connection and every call on it. */
  close(): void;
}

// Without pings, a watch would not notice when the hub's machine disappears.
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 10_000;

/**
 * Creates a client. The first call connects; after a lost connection, the next call connects again.
 *
 * @param address an http or https URL, such as "http://127.0.0.1:7003", or "unix:" and the path of a socket
 * @throws Failure for a token or a CA that cannot be read, or a token that would travel in clear
 */
export function connectToHub(address: string): HubClient {
  const token = currentToken();
  const socket = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
  const baseUrl = socket === undefined ? address : 'http://localhost';
  if (token !== undefined) requirePrivateWay(address);
  const sessionManager = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS },
    socket === undefined ? trusting(currentCa()) : { createConnection: () => connect(socket) },
  );
  const interceptors = token === undefined ? [] : [withToken(token)];
  const transport = createConnectTransport({ httpVersion: '2', baseUrl, sessionManager, interceptors });
  return {
    address,
    sync: createClient(SyncService, transport),
    health: createClient(HealthService, transport),
    admin: createClient(AdminService, transport),
    access: createClient(AccessService, transport),
    audit: createClient(AuditService, transport),
    close: () => sessionManager.abort(),
  };
}

function trusting(ca: string | undefined) {
  return ca === undefined ? undefined : { ca };
}

function withToken(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
}

/** @throws Failure for an address that is neither encrypted nor of this machine */
function requirePrivateWay(address: string): void {
  if (!address.startsWith('http:')) return;
  const { hostname } = new URL(address);
  if (/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) return;
  throw new Failure(`the token would travel in clear to ${address}; call the hub by https://`, ExitCode.usage);
}

/**
 * Makes calls that change something, and closes the connection.
 *
 * @throws Failure when a call fails
 */
export async function callHub<Answer>(address: string, call: (hub: HubClient) => Promise<Answer>): Promise<Answer> {
  const listing = commandLine(['delivery', 'list'], address);
  return connected(
    address,
    call,
    `It is unknown whether the command took effect. To list undelivered events: ${listing}`,
  );
}

/** Makes calls that change nothing. @throws Failure when a call fails */
export async function readHub<Answer>(address: string, call: (hub: HubClient) => Promise<Answer>): Promise<Answer> {
  return connected(address, call, ADVICE_TO_READERS);
}

/**
 * Follows a stream of a hub until it ends. Ctrl-C, SIGTERM and SIGHUP end it without an error.
 *
 * @throws Failure when the stream fails
 */
export async function followHub(
  address: string,
  follow: (hub: HubClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = stopSignal();
  try {
    await readHub(address, (hub) => follow(hub, stop.signal));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.dispose();
  }
}

async function connected<Answer>(
  address: string,
  call: (hub: HubClient) => Promise<Answer>,
  whenUnknown: string,
): Promise<Answer> {
  const hub = connectToHub(address);
  try {
    return await call(hub);
  } catch (error) {
    throw apiFailure(error, address, whenUnknown);
  } finally {
    hub.close();
  }
}
