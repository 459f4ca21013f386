import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';

/** The services of one hub, over one HTTP/2 connection. */
export interface HubClient {
  /** Where the hub is, for messages. */
  readonly address: string;
  readonly sync: Client<typeof SyncService>;
  readonly health: Client<typeof HealthService>;
  readonly admin: Client<typeof AdminService>;
  /** Ends the connection and every call on it. */
  close(): void;
}

// A watch can be silent for long; without pings a hub whose machine vanished would look like a quiet one.
const pingIntervalMs = 10_000;
const pingTimeoutMs = 10_000;

/**
 * Makes a client; the connection is opened by the first call, and again after it was lost.
 *
 * @param address an http or https URL, such as "http://127.0.0.1:7003"
 */
export function connectToHub(address: string): HubClient {
  const sessionManager = new Http2SessionManager(address, { pingIntervalMs, pingTimeoutMs });
  const transport = createConnectTransport({ httpVersion: '2', baseUrl: address, sessionManager });
  return {
    address,
    sync: createClient(SyncService, transport),
    health: createClient(HealthService, transport),
    admin: createClient(AdminService, transport),
    close: () => sessionManager.abort(),
  };
}
