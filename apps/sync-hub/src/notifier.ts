/** Lets whoever notices a change and whoever watches for it be made in any order. */
export class Notifier {
  readonly #listeners = new Set<() => void>();

  /** Calls back on each change from now on. */
  subscribe(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Something changed. */
  readonly notify = (): void => {
    for (const listener of this.#listeners) listener();
  };
}
