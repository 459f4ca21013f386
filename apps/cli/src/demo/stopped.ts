/** A promise that rejects when the signal is aborted, and never settles otherwise: for races. */
export function rejectedOn(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  // Nobody may be listening at the moment; every race that is run later sees it all the same.
  rejection.catch(() => undefined);
  return rejection;
}
