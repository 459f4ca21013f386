/** What one kind of fault came to. */
export interface FaultAnswer {
  /** What was done, in a few words. */
  readonly fault: string;
  readonly times: number;
  /** What was seen to come of it. */
  readonly answer: string;
  /** It is what was promised. */
  readonly ok: boolean;
}

export interface FaultOptions {
  /** Fewer of everything, for CI. */
  readonly short: boolean;
}

/** One family of faults; reports each result as it is seen. */
export type FaultFamily = (options: FaultOptions) => AsyncIterable<FaultAnswer>;
