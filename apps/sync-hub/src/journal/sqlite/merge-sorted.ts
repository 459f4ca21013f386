/** Merges iterables that are each in order into one in order. Those that are left over are closed. */
export function* mergeSorted<Value>(
  sources: readonly Iterable<Value>[],
  compare: (left: Value, right: Value) => number,
): Iterable<Value> {
  const heads: Head<Value>[] = [];
  try {
    for (const source of sources) {
      const rest = source[Symbol.iterator]();
      const first = rest.next();
      if (!first.done) heads.push({ value: first.value, rest });
    }
    for (let least = leastOf(heads, compare); least !== undefined; least = leastOf(heads, compare)) {
      yield least.value;
      const next = least.rest.next();
      if (next.done) heads.splice(heads.indexOf(least), 1);
      else least.value = next.value;
    }
  } finally {
    for (const { rest } of heads) rest.return?.();
  }
}

/** There is one for each adapter: few, so looking at all of them is as quick as a heap. */
function leastOf<Value>(
  heads: readonly Head<Value>[],
  compare: (left: Value, right: Value) => number,
): Head<Value> | undefined {
  return heads.reduce<Head<Value> | undefined>(
    (least, head) => (least === undefined || compare(head.value, least.value) < 0 ? head : least),
    undefined,
  );
}

interface Head<Value> {
  value: Value;
  readonly rest: Iterator<Value>;
}
