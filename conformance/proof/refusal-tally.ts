import type { CallError } from '../src/call-error.ts';

/** How publishes were refused or cut off, and how often: by status and reason, such as `unavailable HUB_STOPPING`. */
export class RefusalTally {
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  count(refusal: string): number {
    return this.#counts.get(refusal) ?? 0;
  }

  add({ code, reason }: CallError): void {
    const refusal = reason === '' ? code : `${code} ${reason}`;
    this.#counts.set(refusal, this.count(refusal) + 1);
    this.#waiting.get(refusal)?.resolve();
    this.#waiting.delete(refusal);
  }

  /** Resolves at the next one of this kind. */
  async next(refusal: string): Promise<void> {
    const waiting = this.#waiting.get(refusal) ?? Promise.withResolvers<void>();
    this.#waiting.set(refusal, waiting);
    await waiting.promise;
  }
}
