import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** What is served on a socket that only the hub which started this process may use. */
export interface HubConnectionOptions {
  /** Where the socket is to be. */
  readonly path: string;
  /** A server that asks every call for the secret of this launch, and calls back for those that show it. */
  readonly createServer: (onShown: () => void) => Server;
}

/** Serves connections until the hub has shown itself on one of them. */
export interface HubConnection {
  /** Ends it. */
  close(): void;
}

/**
 * Listens for one connection: the first on which the secret of the launch is shown. Others of the same user can open the
 * socket too; on theirs every call is refused, and once the hub is there they are closed, and the socket is gone.
 */
export async function listenForHub({ path, createServer: create }: HubConnectionOptions): Promise<HubConnection> {
  const servers = new Map<Socket, Server>();
  const close = (but?: Socket) => {
    // Takes the file of the socket away, too.
    listener.close();
    for (const socket of servers.keys()) if (socket !== but) socket.destroy();
  };
  let hub: Socket | undefined;
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // One for each connection: a call does not say on which it came.
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
  // Such as EMFILE for a connection that cannot be taken: the next one can.
  listener.on('error', () => undefined);
  return { close };
}
