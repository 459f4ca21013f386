import type { DatabaseSync } from 'node:sqlite';
import type { StoredBreaker, StoredPause } from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';

/** What lanes and operators want to find again after a restart: breakers, pauses and jobs, the latest of each. */
export class SavedState {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  saveJob(job: ReplayJob): void {
    this.#statements.saveJob.run(job.id, job.createdAtMs, JSON.stringify(job));
  }

  savePause({ adapter, pause }: StoredPause): void {
    if (pause === undefined) this.#statements.deletePause.run(adapter);
    else this.#statements.savePause.run(adapter, pause.reason, pause.sinceMs);
  }

  saveBreaker(breaker: StoredBreaker): void {
    this.#statements.saveBreaker.run(breaker.adapter, breaker.state, breaker.sinceMs, breaker.cause);
  }

  jobs(): readonly ReplayJob[] {
    return this.#statements.selectJobs.all().map((row) => JSON.parse(String(row.content)) as ReplayJob);
  }

  /** Deletes jobs that ended and are older than this. */
  forgetJobs(createdBeforeMs: number): void {
    this.#statements.deleteJobs.run(createdBeforeMs);
  }

  pause(adapter: string): StoredPause['pause'] {
    const row = this.#statements.selectPause.get(adapter);
    return row && { reason: String(row.reason), sinceMs: Number(row.since_ms) };
  }

  breaker(adapter: string): StoredBreaker | undefined {
    const row = this.#statements.selectBreaker.get(adapter);
    if (row === undefined) return undefined;
    const state = row.state as StoredBreaker['state'];
    return { adapter, state, sinceMs: Number(row.since_ms), cause: String(row.cause) };
  }
}

function prepare(database: DatabaseSync) {
  return {
    saveJob: database.prepare(`
      INSERT INTO replay_job (id, created_at_ms, content) VALUES (?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET content = excluded.content, created_at_ms = excluded.created_at_ms`),
    savePause: database.prepare(`
      INSERT INTO lane_pause (adapter, reason, since_ms) VALUES (?, ?, ?)
      ON CONFLICT (adapter) DO UPDATE SET reason = excluded.reason, since_ms = excluded.since_ms`),
    deletePause: database.prepare('DELETE FROM lane_pause WHERE adapter = ?'),
    saveBreaker: database.prepare(`
      INSERT INTO breaker (adapter, state, since_ms, cause) VALUES (?, ?, ?, ?)
      ON CONFLICT (adapter) DO UPDATE SET state = excluded.state, since_ms = excluded.since_ms, cause = excluded.cause`),
    selectJobs: database.prepare('SELECT content FROM replay_job ORDER BY created_at_ms, id'),
    deleteJobs: database.prepare(
      "DELETE FROM replay_job WHERE created_at_ms < ? AND json_extract(content, '$.state') <> 'running'",
    ),
    selectPause: database.prepare('SELECT reason, since_ms FROM lane_pause WHERE adapter = ?'),
    selectBreaker: database.prepare('SELECT state, since_ms, cause FROM breaker WHERE adapter = ?'),
  };
}
