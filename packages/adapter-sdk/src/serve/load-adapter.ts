import { cutToLength } from '../bounded-text.ts';
import { type DefinedAdapter, isAdapterDefinition } from '../definition.ts';
import { withinTime } from '../host/time-bound.ts';
import { importFailure } from '../import-failure.ts';
import { peek } from '../outcome-of.ts';

/** The bound of DescribeResponse.load_failure. The hub redacts secrets, then shortens it. */
const FAILURE_MAX_CHARACTERS = 8_192;

/** An adapter's definition, or a function that imports its module, whose default export is the definition. */
export type AdapterSource = DefinedAdapter | (() => Promise<unknown>);

/** A loaded adapter, or why it could not be loaded. */
export type LoadedAdapter =
  | { readonly kind: 'loaded'; readonly definition: DefinedAdapter }
  | { readonly kind: 'failed'; readonly why: string };

/** Options of loading. */
export interface LoadOptions {
  /** How long importing may take. */
  readonly timeoutMs: number;
  /** The name of the module, for messages. */
  readonly name: string;
}

/** Imports an adapter's module. Never rejects: an error becomes the reason. */
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
