/**
 * What happened in a schedule, and the first promise that was broken in it: noted rather than thrown, for where it is
 * found an error would often look like one of adapter code.
 */
export class Chronicle {
  breach: string | undefined;
  /** What was met and how often, in the order in which it was first met. */
  readonly met = new Map<string, number>();

  meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  must(isKept: boolean, promise: string): void {
    if (!isKept) this.breach ??= `a promise is broken: ${promise}`;
  }
}
