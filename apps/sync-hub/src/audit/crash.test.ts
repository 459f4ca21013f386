import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { readAuditKeys } from './audit-keys.ts';
import { verifyAudit } from './verify-audit.ts';

const KILLS = 20;
/** `AUDIT_LOGS=10 npx vitest run src/audit/crash.test.ts` is 200 kills, in two minutes. */
const LOGS = Number(process.env.AUDIT_LOGS ?? 1);
const writer = fileURLToPath(new URL('./crash-writer.ts', import.meta.url));

/** Kills a writer once it has made this many changes; the changes that it made. */
async function changesUntilKilled(dataDir: string, name: string, killAt: number): Promise<readonly string[]> {
  const args = [...process.execArgv, writer, dataDir, name];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === killAt + 1) child.kill('SIGKILL');
  }
  const [code, signal] = await exited;
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
  // The last line may be cut off.
  return lines.slice(0, -1);
}

const logs = Array.from({ length: LOGS }, (_, log) => log);

it.each(logs)(
  'has the decision of every change that was made, killed at any moment (log %i)',
  { timeout: KILLS * 15_000 },
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'hms-sync-audit-crash-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    const folder = join(dataDir, 'audit');
    const made: string[] = [];
    for (const [life, killAt] of fc.sample(fc.integer({ min: 1, max: 400 }), KILLS).entries()) {
      made.push(...(await changesUntilKilled(dataDir, `life-${life}`, killAt)));
      const { fault, end } = await verifyAudit(folder, readAuditKeys(folder));
      expect(fault, `after life ${life}`).toBeUndefined();
      expect(end.seq).toBeGreaterThan(0);
    }
    const records = new Map<string, string>();
    for (const day of readdirSync(folder).filter((file) => file.endsWith('.jsonl'))) {
      for (const line of readFileSync(join(folder, day), 'utf8').split('\n').slice(0, -1)) {
        const { seq, target } = JSON.parse(line);
        records.set(`made ${seq} ${target?.adapter}`, line);
      }
    }
    expect(made.length).toBeGreaterThan(KILLS);
    expect(made.filter((line) => !records.has(line))).toEqual([]);
  },
);
