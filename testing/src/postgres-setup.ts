import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestProject } from 'vitest/node';
import { PostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of 127.0.0.1 that answers with the URL of the project's PostgreSQL, or with why there is none. */
    readonly postgresPort: number;
  }
}

export type PostgresAnswer = { readonly url: string } | { readonly error: string };

/** vitest's globalSetup: a PostgreSQL for all test files of a project. The first one that asks for it starts it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | undefined;
  const door = createServer(async (socket) => {
    socket.on('error', () => undefined);
    starting ??= PostgresServer.create({ max_connections: '200' });
    const answer: PostgresAnswer = await starting.then(
      (server) => ({ url: server.url() }),
      (error: Error) => ({ error: error.message }),
    );
    socket.end(JSON.stringify(answer));
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  project.provide('postgresPort', (door.address() as AddressInfo).port);
  return async () => {
    door.close();
    const server = await starting?.catch(() => undefined);
    await server?.close();
  };
}
