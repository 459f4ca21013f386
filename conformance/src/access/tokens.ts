import { connect } from 'node:net';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AccessService, type CreateTokenRequestSchema } from '@hms-sync/proto/hms/sync/v1/access_service';

/** The tokens of a hub, by its socket: what an operator on its machine can do. */
export interface TokenClient {
  readonly access: Client<typeof AccessService>;
  /** The text of a new token. */
  create(request: MessageInitShape<typeof CreateTokenRequestSchema>): Promise<string>;
  close(): void;
}

/** @param folder the hub's, with its data folder in the usual place */
export function tokensBySocket(folder: string): TokenClient {
  const path = join(folder, '.hms-sync', 'hub.sock');
  const baseUrl = 'http://localhost';
  const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(path) });
  const access = createClient(AccessService, createConnectTransport({ httpVersion: '2', baseUrl, sessionManager }));
  return {
    access,
    create: async (request) => (await access.createToken(request)).text,
    close: () => sessionManager.abort(),
  };
}
