/** A promise that rejects when the signal is aborted, and never resolves; for Promise.race. */
export function rejectedOn(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  // Without a handler, a rejection between two races would end the process.
  rejection.catch(() => undefined);
  return rejection;
}
