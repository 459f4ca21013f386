import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { sampleEvent } from '../suite/samples.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

const KILLS = 5;
const writer = fileURLToPath(new URL('./crash-writer.fixture.ts', import.meta.url));

function startWriter(folder: string, name: string): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, writer, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the writer once it has printed this many lines, and gives all that it printed. */
async function linesUntilKilled(child: ChildProcess, killAtLine: number): Promise<readonly string[]> {
  if (child.stdout === null) throw new Error('the writer has no output');
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === killAtLine) child.kill('SIGKILL');
  }
  const [code, signal] = await exited;
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
  // The last line may be cut off.
  return lines.slice(0, -1);
}

function idsOf(lines: readonly string[], verb: string): readonly string[] {
  return lines.filter((line) => line.startsWith(`${verb} `)).map((line) => line.slice(verb.length + 1));
}

it('keeps all that it promised when it is killed at any moment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-crash-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lines: string[] = [];
  for (const [kill, killAtLine] of fc.sample(fc.integer({ min: 1, max: 3_000 }), KILLS).entries()) {
    lines.push(...(await linesUntilKilled(startWriter(folder, `life-${kill}`), killAtLine)));
  }
  const accepted = idsOf(lines, 'accepted');
  const recorded = new Set(idsOf(lines, 'recorded'));
  expect(accepted.length).toBeGreaterThan(0);
  const journal = await openSqliteJournal({ folder });
  const stored = await Promise.all(accepted.map((id) => journal.readEvent({ id })));
  for (const [index, id] of accepted.entries()) {
    const found = stored[index];
    if (found?.kind !== 'found') throw new Error(`${id} is lost`);
    expect(found.event.id).toBe(id);
    expect(found.event.data).toEqual(sampleEvent(id).data);
    expect(found.deliveries.map(({ adapter }) => adapter)).toEqual(['billing', 'records']);
    if (recorded.has(id)) {
      expect(found.deliveries[0]).toMatchObject({ state: 'delivered', records: [{ eventId: id }] });
    }
  }
  await journal.close();
  const database = new DatabaseSync(join(folder, 'journal.db'));
  onTestFinished(() => database.close());
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
});

it('is refused to a second process while the first one lives', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-crash-'));
  const child = startWriter(folder, 'first');
  onTestFinished(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true });
  });
  if (child.stdout === null) throw new Error('the writer has no output');
  await once(child.stdout, 'data');
  await expect(openSqliteJournal({ folder })).rejects.toMatchObject({
    code: 'IN_USE',
    message: expect.stringContaining(folder),
  });
});
