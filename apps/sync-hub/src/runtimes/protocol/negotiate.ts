import type { DescribeResponse } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { CallError } from './adapter-client.ts';

/** What an adapter says of itself by the newest protocol that it and the hub speak. */
export type Negotiated =
  | { readonly kind: 'agreed'; readonly description: DescribeResponse }
  /** They have no protocol in common. `theirs` is empty when the other side answers none of the hub's. */
  | { readonly kind: 'incompatible'; readonly theirs: readonly number[] };

/**
 * Finds the newest protocol that both sides speak. The major is the package's name, so each is asked for by a Describe
 * of its own, newest first; an adapter that does not know that package answers UNIMPLEMENTED.
 *
 * @param spoken the hub's majors
 * @param describe calls Describe of one major
 * @throws {CallError} when the adapter does not answer at all
 */
export async function negotiate(
  spoken: readonly number[],
  describe: (protocol: number) => Promise<DescribeResponse>,
): Promise<Negotiated> {
  for (const asked of spoken.toSorted((a, b) => b - a)) {
    const description = await describe(asked).catch(unlessUnimplemented);
    if (description === undefined) continue;
    const isCommon = description.protocols.some((protocol) => spoken.includes(protocol));
    return isCommon ? { kind: 'agreed', description } : { kind: 'incompatible', theirs: description.protocols };
  }
  return { kind: 'incompatible', theirs: [] };
}

function unlessUnimplemented(error: unknown): undefined {
  if (!(error instanceof CallError) || error.code !== 'unimplemented') throw error;
}
