import type { Tell } from '../../acks/tell.ts';

/** What is told of an event before its acceptance is: it waits for that. */
export class HeldTells {
  readonly #held: Tell[] = [];
  #listener: (tell: Tell) => void = (tell) => this.#held.push(tell);
  /** Ends the listening. */
  onEnd: () => void = () => undefined;

  take(tell: Tell): void {
    this.#listener(tell);
  }

  /** From here on the listener hears everything at once, and first what was held. */
  release(listener: (tell: Tell) => void): void {
    this.#listener = listener;
    for (const tell of this.#held.splice(0)) listener(tell);
  }
}
