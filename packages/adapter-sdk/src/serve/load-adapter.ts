import { cutToLength } from '../bounded-text.ts';
import { type DefinedAdapter, isAdapterDefinition } from '../definition.ts';
import { withinTime } from '../host/time-bound.ts';
import { importFailure } from '../import-failure.ts';
import { peek } from '../outcome-of.ts';

/** What the contract has room for (DescribeResponse.load_failure). The hub cuts it to a line after it took secrets out. */
const FAILURE_MAX_CHARACTERS = 8_192;

/** An adapter's definition, or a function that imports its module, whose default export is the definition. */
export type AdapterSource = DefinedAdapter | (() => Promise<unknown>);

/** An adapter's code, or why there is none. */
export type LoadedAdapter =
  | { readonly kind: 'loaded'; readonly definition: DefinedAdapter }
  | { readonly kind: 'failed'; readonly why: string };

/** What loading works with. */
export interface LoadOptions {
  /** How long importing may take. */
  readonly timeoutMs: number;
  /** Where the default export comes from, for the message when it is no definition. */
  readonly name: string;
}

/** Runs an adapter's module. Never rejects: whatever it throws becomes the reason. */
export async function loadAdapter(source: AdapterSource, { timeoutMs, name }: LoadOptions): Promise<LoadedAdapter> {
  if (typeof source !== 'function') return { kind: 'loaded', definition: source };
  try {
    const loaded = await withinTime(timeoutMs, source);
    if (loaded.late) return { kind: 'failed', why: `it did not finish importing within ${timeoutMs} ms` };
    const definition = peek(loaded.result, 'default');
    if (isAdapterDefinition(definition)) return { kind: 'loaded', definition };
    return { kind: 'failed', why: `the default export of ${name} is not made by defineAdapter` };
  } catch (thrown) {
    return { kind: 'failed', why: cutToLength(importFailure(thrown), FAILURE_MAX_CHARACTERS) };
  }
}
