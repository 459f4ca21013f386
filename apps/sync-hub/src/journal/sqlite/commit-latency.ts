/** How many of the last commits are looked at: some seconds' worth under load. */
const SAMPLES = 128;

/** How long the last commits took. */
export class CommitLatency {
  readonly #samplesMs = new Float64Array(SAMPLES);
  #count = 0;

  add(latencyMs: number): void {
    this.#samplesMs[this.#count % SAMPLES] = latencyMs;
    this.#count++;
  }

  /** The median; undefined before the first commit. */
  get medianMs(): number | undefined {
    const sorted = this.#samplesMs.slice(0, Math.min(this.#count, SAMPLES)).sort();
    return sorted[Math.floor(sorted.length / 2)];
  }
}
