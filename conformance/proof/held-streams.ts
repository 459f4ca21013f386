import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The orders to the holder's process. */
export interface HolderOrder {
  /** Idle: half are PublishStreams without events, half watch an event that waits. Active ones publish now and then. */
  readonly kind: 'idle' | 'active';
  readonly address: string;
  readonly count: number;
  /** The hub takes 2,048 at a time on one connection. */
  readonly perConnection: number;
  /** An event that is accepted and does not settle. */
  readonly waitingEventId: string;
}

/** What it reports, after each order and whenever a stream ends. */
export interface HeldCount {
  readonly open: number;
}

/** Many streams to a hub, held by a process of their own so that they cost their counterpart nothing. */
export class HeldStreams {
  readonly #process: ChildProcess;
  /** How many are open now. */
  open = 0;

  constructor() {
    this.#process = fork(fileURLToPath(new URL('./stream-holder.ts', import.meta.url)), [], {
      execArgv: ['--conditions=@hms-sync/source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#process.on('message', (message: HeldCount) => {
      this.open = message.open;
    });
  }

  /** Opens more; resolves once the hub has taken up all of them. */
  async add(order: HolderOrder): Promise<void> {
    const wanted = this.open + order.count;
    this.#process.send(order);
    while (this.open < wanted) {
      const [message] = await Promise.race([once(this.#process, 'message'), once(this.#process, 'exit')]);
      if (typeof message !== 'object') throw new Error('the process that holds the streams has ended');
    }
  }

  async close(): Promise<void> {
    if (!this.#process.connected) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }
}
