/**
 * What happened in a schedule, and the first promise that was broken in it. A violation is noted rather than thrown:
 * where it is found, an error would often look like one of adapter code.
 */
export class Trace {
  violation: string | undefined;
  /** What was met and how often, in the order in which it was first met. */
  readonly met = new Map<string, number>();
  /** Every line of the schedule, when somebody wants to read them. */
  readonly #print: ((line: string) => void) | undefined;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  /** What is printed is made only when somebody reads it. */
  note(line: () => string): void {
    this.#print?.(line());
  }

  must(isKept: boolean, promise: string): void {
    if (isKept || this.violation !== undefined) return;
    this.violation = `a promise is broken: ${promise}`;
    this.#print?.(this.violation);
  }
}
