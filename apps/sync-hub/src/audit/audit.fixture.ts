import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { dayFile, dayOf } from './audit-files.ts';
import { readAuditKeys } from './audit-keys.ts';
import { type AuditFile, AuditLog, type AuditLogOptions } from './audit-log.ts';
import type { RequestEntry } from './audit-record.ts';
import { type VerifyOptions, verifyAudit } from './verify-audit.ts';

export const NOON = Date.parse('2026-11-28T12:00:00Z');
export const DAY_MS = 86_400_000;

/** A data folder with an audit log, for the running test. */
export class AuditPlace {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'hms-sync-audit-'));
  readonly folder = join(this.dataDir, 'audit');
  readonly troubles: string[] = [];
  readonly checkpoints: string[] = [];
  nowMs = NOON;

  constructor() {
    onTestFinished(() => rmSync(this.dataDir, { recursive: true }));
  }

  /** A log that is closed with the test. */
  async open(options: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
    const log = await AuditLog.open({
      hub: 'hub-1',
      dataDir: this.dataDir,
      keepDays: 2_190,
      wallMs: () => this.nowMs,
      onCheckpoint: (checkpoint) => this.checkpoints.push(checkpoint),
      onTrouble: (problem) => this.troubles.push(problem),
      ...options,
    });
    let isClosed = false;
    const close = log.close.bind(log);
    log.close = async () => {
      if (!isClosed) await close();
      isClosed = true;
    };
    onTestFinished(() => log.close());
    return log;
  }

  path(timeMs = this.nowMs): string {
    return join(this.folder, dayFile(dayOf(timeMs)));
  }

  /** Of one day, without their line feeds. */
  lines(timeMs = this.nowMs): string[] {
    return readFileSync(this.path(timeMs), 'utf8').split('\n').slice(0, -1);
  }

  records(timeMs = this.nowMs): Record<string, unknown>[] {
    return this.lines(timeMs).map((line) => JSON.parse(line));
  }

  write(lines: readonly string[], timeMs = this.nowMs): void {
    writeFileSync(this.path(timeMs), lines.map((line) => `${line}\n`).join(''));
  }

  verify(options?: VerifyOptions) {
    return verifyAudit(this.folder, readAuditKeys(this.folder), options);
  }
}

/** A change that somebody asked for. */
export function request(adapter: string): RequestEntry {
  return {
    ...{ event: 'request', decision: 'allowed', permission: 'adapters.control' },
    principal: { kind: 'socket', name: 'local', role: 'admin' },
    ...{ address: 'socket', rpc: 'hms.sync.v1.AdminService/PauseAdapter', target: { adapter }, reason: 'a test' },
  };
}

/** A disk that takes no more once it is full; of a write that does not fit it takes a part. */
export class SmallDisk {
  isFull = false;

  readonly openFile = async (path: string): Promise<AuditFile> => {
    const file = await open(path, 'a', 0o600);
    return {
      appendFile: async (data) => {
        if (!this.isFull) return file.appendFile(data);
        await file.appendFile((data as Buffer).subarray(0, 40));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
      datasync: () => file.datasync(),
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  };
}
