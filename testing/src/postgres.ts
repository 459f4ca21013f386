import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { json } from 'node:stream/consumers';
import { Client } from 'pg';
import { inject, onTestFinished } from 'vitest';
import { PostgresServer, type Settings } from './postgres-server.ts';
import type { PostgresAnswer } from './postgres-setup.ts';

export interface TestDatabase {
  readonly url: string;
  /** Ends its connections too. */
  drop(): Promise<void>;
}

/** An empty database in the project's PostgreSQL, which is started if it is not running. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = await findServer();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await execute(server, `create database ${name} template template0`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, drop: () => execute(server, `drop database ${name} with (force)`) };
}

/** The URL of an empty database for the running test. */
export async function useDatabase(): Promise<string> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  return url;
}

/** A PostgreSQL for the running test alone, to stop and start. */
export async function usePostgres(settings?: Settings): Promise<PostgresServer> {
  const server = await PostgresServer.create(settings);
  onTestFinished(() => server.close());
  return server;
}

/** The URL of the project's PostgreSQL. */
let found: Promise<string> | undefined;

function findServer(): Promise<string> {
  found ??= (async () => {
    const answer = (await json(connect(inject('postgresPort'), '127.0.0.1'))) as PostgresAnswer;
    if ('error' in answer) throw new Error(answer.error);
    return answer.url;
  })();
  return found;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
