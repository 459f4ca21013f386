import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as elapse } from 'node:timers/promises';

/**
 * A program: the simulation of every system, `/<adapter>/...` for each, and writes down when each attempt begins and
 * ends. `GET /attempts` returns them as they began. It is a process of its own, so that nothing that is done to hubs
 * delays what it sees.
 */

/** One request of an adapter. Times are ms since 1970, of a clock that is never set back. */
export interface LedgerAttempt {
  readonly adapter: string;
  readonly eventId: string;
  readonly key: string;
  readonly redelivered: boolean;
  readonly beganMs: number;
  /** When it was answered or broke off; null while it is under way. */
  endedMs: number | null;
  isAnswered: boolean;
}

/** So long a call is under way: a random time up to this, of some calls up to the longer one. */
const HELD_MS = { most: 150, some: 600 };
const SOME = 0.02;

const attempts: LedgerAttempt[] = [];

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(attempts));
    return;
  }
  begin(request).then(
    async (attempt) => {
      response.once('close', () => {
        attempt.endedMs = nowMs();
        attempt.isAnswered = response.writableFinished;
      });
      await elapse(Math.random() * (Math.random() < SOME ? HELD_MS.some : HELD_MS.most));
      response.end();
    },
    // It broke off before it said what it is about.
    () => response.destroy(),
  );
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new TypeError('it listens on no port');
  console.log(`http://127.0.0.1:${address.port}`);
});

async function begin(request: IncomingMessage): Promise<LedgerAttempt> {
  const { id, key, redelivered } = (await json(request)) as { id: string; key: string; redelivered: boolean };
  const [, adapter = ''] = request.url?.split('/') ?? [];
  const attempt = { adapter, eventId: id, key, redelivered, beganMs: nowMs(), endedMs: null, isAnswered: false };
  attempts.push(attempt);
  return attempt;
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
