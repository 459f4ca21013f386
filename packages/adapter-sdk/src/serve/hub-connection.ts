import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Options of the socket that only the hub which started this process may use. */
export interface HubConnectionOptions {
  /** The path of the socket. */
  readonly path: string;
  /** Creates a server that requires the secret of this launch, and calls `onShown` for each call with it. */
  readonly createServer: (onShown: () => void) => Server;
}

/** A listening socket. */
export interface HubConnection {
  /** Closes it. */
  close(): void;
}

/**
 * Listens until a call with the secret of the launch arrives, and keeps only that connection. Other processes of the user
 * can connect before; their calls are rejected. Then the socket and their connections are closed.
 */
export async function listenForHub({ path, createServer: create }: HubConnectionOptions): Promise<HubConnection> {
  const servers = new Map<Socket, Server>();
  const close = (but?: Socket) => {
    // Also removes the file of the socket.
    listener.close();
    for (const socket of servers.keys()) if (socket !== but) socket.destroy();
  };
  let hub: Socket | undefined;
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // One server per connection, because a call does not know its connection.
    const server = create(() => {
      if (hub === undefined) close(socket);
      hub ??= socket;
    });
    servers.set(socket, server);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      servers.delete(socket);
      server.forceShutdown();
    });
    server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
  });
  listener.listen(path);
  await once(listener, 'listening');
  // Such as EMFILE: later connections may succeed.
  listener.on('error', () => undefined);
  return { close };
}
