import type { DatabaseSync } from 'node:sqlite';
import type { StoredBreaker, StoredLane } from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';

/** Keeps what lanes and people want to find again after a restart: breakers, pauses and jobs, the latest of each. */
export class LaneKeeper {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  saveJob(job: ReplayJob): undefined {
    this.#statements.saveJob.run(job.id, job.createdAtMs, JSON.stringify(job));
  }

  saveLanePause({ adapter, pause }: StoredLane): undefined {
    if (pause === undefined) this.#statements.deleteLanePause.run(adapter);
    else this.#statements.saveLanePause.run(adapter, pause.reason, pause.sinceMs);
  }

  saveBreaker(breaker: StoredBreaker): undefined {
    this.#statements.saveBreaker.run(breaker.adapter, breaker.state, breaker.sinceMs, breaker.cause);
  }
}

function prepare(database: DatabaseSync) {
  return {
    saveJob: database.prepare(`
      INSERT INTO replay_job (id, created_at_ms, content) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET content = excluded.content, created_at_ms = excluded.created_at_ms`),
    saveLanePause: database.prepare(`
      INSERT INTO lane_pause (adapter, reason, since_ms) VALUES (?, ?, ?)
      ON CONFLICT (adapter) DO UPDATE SET reason = excluded.reason, since_ms = excluded.since_ms`),
    deleteLanePause: database.prepare('DELETE FROM lane_pause WHERE adapter = ?'),
    saveBreaker: database.prepare(`
      INSERT INTO breaker (adapter, state, since_ms, cause) VALUES (?, ?, ?, ?)
      ON CONFLICT (adapter) DO UPDATE SET state = excluded.state, since_ms = excluded.since_ms, cause = excluded.cause`),
  };
}
