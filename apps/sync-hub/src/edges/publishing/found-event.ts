import { matches } from '../../access/grants.ts';
import { type Principal, seesEvent } from '../../access/principal.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { EventReference, Journal, StoredEvent } from '../../journal/journal.ts';
import { RequestError } from '../request-error.ts';

/**
 * The event that was named, when the caller may see it. One that it may not see is as one that is not there.
 *
 * @throws {RequestError} EVENT_NOT_FOUND, EVENT_AMBIGUOUS
 */
export async function readVisible(
  journal: Pick<Journal, 'readEvent'>,
  named: EventReference,
  caller: Principal,
): Promise<StoredEvent> {
  const found = await journal.readEvent(named);
  switch (found.kind) {
    case 'found':
      if (!isVisible(found.event, caller)) throw unknownEvent(named);
      return found;
    case 'unknown':
      throw unknownEvent(named);
    case 'ambiguous': {
      const [source, ...others] = found.sources.filter((one) => matches(caller.grants.sources, one));
      if (source === undefined) throw unknownEvent(named);
      if (others.length > 0) throw ambiguousEvent(named.id, [source, ...others]);
      return readVisible(journal, { id: named.id, source }, caller);
    }
    default:
      return found satisfies never;
  }
}

/** A publisher sees what it may publish, who is granted adapters the events that go to one of them. */
function isVisible(event: AcceptedEvent, caller: Principal): boolean {
  const { adapters, types } = caller.grants;
  const isForAdapters = adapters === undefined || event.adapters.some((adapter) => adapters.includes(adapter));
  return isForAdapters && matches(types, event.type) && seesEvent(caller, event);
}

/** @returns the error EVENT_NOT_FOUND, which names the id */
export function unknownEvent({ id, source }: EventReference): RequestError {
  const of = source === undefined ? '' : ` of ${sourceName(source)}`;
  return new RequestError('EVENT_NOT_FOUND', `no event${of} has the id ${quoted(id)}, or it is past retention`);
}

function ambiguousEvent(id: string, sources: readonly string[]): RequestError {
  const named = sources.map((source) => JSON.stringify(source)).join(', ');
  return new RequestError(
    'EVENT_AMBIGUOUS',
    `several sources have an event with the id ${quoted(id)}: ${named}; name one of them`,
    {
      fields: [{ field: 'source', description: 'is required: several sources have the id' }],
    },
  );
}

function quoted(id: string): string {
  return JSON.stringify(id.slice(0, 128));
}

/** A source in a sentence. */
export function sourceName(source: string): string {
  return source === '' ? 'the empty source' : `the source ${JSON.stringify(source)}`;
}
