import { channel } from 'node:diagnostics_channel';
import { Worker } from 'node:worker_threads';
import { threadEntry } from '../../files/thread-entry.ts';
import { type BackupResult, JournalError, type JournalInfo } from '../journal.ts';
import type { JournalBackend } from '../queued-journal.ts';
import type { JournalAnswer, JournalRequest } from '../request.ts';
import { endUntidied } from './end-untidied.ts';
import { type FromThread, packRequests, type ThreadOptions, type ToThread } from './thread-messages.ts';

/**
 * 24 MiB is a semi-space of 8. What the thread allocates lives for one group; by default V8 would let this grow to 192
 * MiB under load and keep it. Groups take the same time with it.
 */
const YOUNG_GENERATION_MAX_MB = 24;

/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
const requested = channel('hms-sync:journal-requested');
const answered = channel('hms-sync:journal-answered');

/** What a running thread reports. */
export interface ThreadListener {
  answered(answers: readonly JournalAnswer[]): void;
  failed(error: JournalError): void;
}

/** This thread's end of the journal thread. Sends what was submitted in one turn of the event loop as one message. */
export class ThreadBackend implements JournalBackend {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #gathered: JournalRequest[] = [];
  readonly #backups: Pick<PromiseWithResolvers<BackupResult>, 'resolve' | 'reject'>[] = [];
  #isTurnPending = false;
  #isClosing = false;
  #listener: ThreadListener | undefined;

  private constructor(worker: Worker, exited: Promise<void>) {
    this.#worker = worker;
    this.#exited = exited;
  }

  /** @throws JournalError UNWRITABLE, IN_USE, UNREADABLE, UNSAFE, or FAILED when the thread did not start. */
  static async start(options: ThreadOptions): Promise<{ backend: ThreadBackend; info: JournalInfo }> {
    const worker = new Worker(threadEntry('journal-thread', import.meta.url), {
      name: 'journal',
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MB },
    });
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const backend = new ThreadBackend(worker, exited);
    let death: JournalError | undefined;
    const info = await new Promise<JournalInfo>((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'opened') resolve(message.info);
        else if (message.kind === 'refused') {
          death = new JournalError(message.code, message.message, { cause: message.cause });
        } else backend.#hear(message);
      });
      worker.once('error', (cause) => {
        death = new JournalError('FAILED', `The journal thread died: ${cause.message}`, { cause });
      });
      // Told at the exit, not before: only then is the thread's hold on the files gone too.
      worker.once('exit', (exitCode) => {
        const error = death ?? new JournalError('FAILED', `The journal thread ended by itself with code ${exitCode}.`);
        reject(error);
        for (const { reject: rejectBackup } of backend.#backups.splice(0)) rejectBackup(error);
        if (!backend.#isClosing || death !== undefined) backend.#listener?.failed(error);
      });
    });
    return { backend, info };
  }

  /** Where answers go from now on. To be called before the first request. */
  listen(listener: ThreadListener): void {
    this.#listener = listener;
  }

  submit(request: JournalRequest): void {
    this.#gathered.push(request);
    if (requested.hasSubscribers) requested.publish(request);
    if (this.#isTurnPending) return;
    this.#isTurnPending = true;
    setImmediate(() => this.#send());
  }

  backup(targetPath: string): Promise<BackupResult> {
    // Behind all that was submitted before.
    this.#send();
    this.#post({ kind: 'backup', targetPath });
    const { promise, resolve, reject } = Promise.withResolvers<BackupResult>();
    this.#backups.push({ resolve, reject });
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#send();
    this.#post({ kind: 'close' });
    await this.#exited;
  }

  #send(): void {
    this.#isTurnPending = false;
    if (this.#gathered.length === 0) return;
    const message = packRequests(this.#gathered);
    this.#gathered = [];
    this.#post(message, [message.bytes.buffer]);
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: Extract<FromThread, { kind: 'answers' | 'backedUp' | 'failed' }>): void {
    if (message.kind === 'answers') {
      if (answered.hasSubscribers) answered.publish(message.answers);
      this.#listener?.answered(message.answers);
    } else if (message.kind === 'backedUp') this.#backups.shift()?.resolve(message.result);
    else {
      endUntidied();
      this.#listener?.failed(new JournalError(message.code, message.message, { cause: message.cause }));
    }
  }
}
