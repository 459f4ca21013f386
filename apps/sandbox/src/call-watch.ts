import { SandboxError } from './sandbox-error.ts';

interface Waiter {
  readonly look: () => boolean;
  readonly fail: (error: SandboxError) => void;
}

export interface WaitOptions<T> {
  /** Looks at the calls: the value that was waited for, or undefined to wait on. */
  readonly look: () => T | undefined;
  readonly timeoutMs: number;
  /** Says, when time is up, what was waited for and what there was instead. */
  readonly describe: () => string;
}

/** Those who wait for calls. They look once per turn of the event loop in which a call came or changed. */
export class CallWatch {
  readonly #waiters = new Set<Waiter>();
  #isLookDue = false;

  /**
   * Resolves with what `look` found, at once if it is there.
   *
   * @throws SandboxError `wait_timed_out` after `timeoutMs`, `closed` when the sandbox is closed
   */
  wait<T>({ look, timeoutMs, describe }: WaitOptions<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const fail = (error: unknown): void => {
        finish();
        reject(error);
      };
      const waiter: Waiter = {
        look: () => {
          try {
            const found = look();
            if (found === undefined) return false;
            finish();
            resolve(found);
          } catch (error) {
            // A predicate that throws is its author's answer, not the end of whoever caused the look.
            fail(error);
          }
          return true;
        },
        fail,
      };
      const timer = setTimeout(() => {
        if (!waiter.look()) {
          fail(new SandboxError('wait_timed_out', `after ${timeoutMs} ms ${describe()}`));
        }
      }, timeoutMs);
      if (!waiter.look()) this.#waiters.add(waiter);
    });
  }

  /** Something changed: everyone looks before the next turn of the event loop. Costs nothing when nobody waits. */
  notify(): void {
    if (this.#waiters.size === 0 || this.#isLookDue) return;
    this.#isLookDue = true;
    setImmediate(() => {
      this.#isLookDue = false;
      for (const waiter of [...this.#waiters]) waiter.look();
    });
  }

  /** Ends all waiting. */
  close(): void {
    for (const waiter of [...this.#waiters]) {
      waiter.fail(new SandboxError('closed', 'the sandbox was closed while calls were waited for'));
    }
  }
}
