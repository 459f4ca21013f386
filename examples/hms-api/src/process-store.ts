import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OutboxEntry } from './outbox-entry.ts';
import type { Process, ProcessDraft } from './process.ts';

/** What the file holds. */
interface Contents {
  processes: Record<string, Process>;
  /** Oldest first. */
  outbox: OutboxEntry[];
}

/**
 * Processes, and the changes of them that are not published yet, in one JSON file. A process and its change are
 * written together, whole or not at all: there is no moment at which a change is saved but forgotten.
 *
 * One store object at a time may use a folder; it does one operation after the other.
 */
export class ProcessStore {
  readonly #file: string;
  #last: Promise<unknown> = Promise.resolve();

  /** @param folder is made when it is missing */
  constructor(folder: string) {
    this.#file = join(folder, 'processes.json');
  }

  /** Saves a process as its next version, and notes that this change is to be published. */
  save(draft: ProcessDraft, now: Date): Promise<OutboxEntry> {
    return this.#change((contents) => {
      const process = { ...draft, version: (contents.processes[draft.id]?.version ?? 0) + 1 };
      const entry = { process, savedAt: now.toISOString() };
      contents.processes[process.id] = process;
      contents.outbox.push(entry);
      return entry;
    });
  }

  /** The changes that are to be published, oldest first; refused ones are not among them. */
  async unpublished(): Promise<OutboxEntry[]> {
    await this.#last;
    return (await this.#read()).outbox.filter(({ refused }) => refused === undefined);
  }

  /** Notes that the hub has accepted the change. */
  markPublished(entry: OutboxEntry): Promise<void> {
    return this.#change((contents) => {
      contents.outbox = contents.outbox.filter((other) => !isSame(other, entry));
    });
  }

  /** Notes that the hub will never take the change, so that it no longer stands before the others. */
  markRefused(entry: OutboxEntry, reason: string): Promise<void> {
    return this.#change((contents) => {
      for (const other of contents.outbox) if (isSame(other, entry)) other.refused = reason;
    });
  }

  #change<Result>(change: (contents: Contents) => Result): Promise<Result> {
    const changed = this.#last.then(async () => {
      const contents = await this.#read();
      const result = change(contents);
      await this.#write(contents);
      return result;
    });
    // The next operation begins after this one, also when this one fails.
    this.#last = changed.catch(() => undefined);
    return changed;
  }

  async #read(): Promise<Contents> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { processes: {}, outbox: [] };
      throw error;
    }
  }

  /** Written beside, flushed, then renamed into place: after a power cut there is the old file or the new one. */
  async #write(contents: Contents): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    const beside = `${this.#file}.new`;
    await flushed(beside, 'w', (file) => file.writeFile(JSON.stringify(contents, undefined, 2)));
    await rename(beside, this.#file);
    await flushed(dirname(this.#file), 'r');
  }
}

async function flushed(
  path: string,
  flags: 'r' | 'w',
  use?: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags);
  try {
    await use?.(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

function isSame(one: OutboxEntry, other: OutboxEntry): boolean {
  return one.process.id === other.process.id && one.process.version === other.process.version;
}
