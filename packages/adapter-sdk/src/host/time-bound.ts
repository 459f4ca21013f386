/**
 * Runs work for at most `limitMs`. If it takes longer, its signal is aborted and the result is `late`; `onLate` gets the
 * result that arrives later, to release it.
 */
export async function withinTime<Result>(
  limitMs: number,
  work: (signal: AbortSignal) => Result | Promise<Result>,
  onLate: (result: Result) => unknown = () => undefined,
): Promise<{ readonly late: false; readonly result: Result } | { readonly late: true }> {
  const abort = new AbortController();
  const late = Promise.withResolvers<{ readonly late: true }>();
  const timer = setTimeout(() => {
    late.resolve({ late: true });
    abort.abort(new DOMException(`took longer than ${limitMs} ms`, 'TimeoutError'));
  }, limitMs);
  const done = (async () => work(abort.signal))();
  try {
    return await Promise.race([done.then((result) => ({ late: false, result }) as const), late.promise]);
  } finally {
    clearTimeout(timer);
    // catch: an unhandled late failure would end the process.
    if (abort.signal.aborted) done.then(onLate).catch(() => undefined);
  }
}
