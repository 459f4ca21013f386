import { matches } from '../../access/grants.ts';
import type { Principal } from '../../access/principal.ts';
import { invalidField } from '../request-error.ts';
import type { PublishedEvent } from './event-message.ts';

/**
 * An event as its publisher may publish it: one without a source gets the publisher's.
 *
 * @throws {RequestError} PERMISSION_DENIED naming the field that the publisher's grants leave out
 */
export function grantedEvent(event: PublishedEvent, { name, grants }: Principal): PublishedEvent {
  const { types, sources, keys } = grants;
  const own = event.source === '' ? sources?.find((pattern) => !pattern.endsWith('*')) : undefined;
  const named = own === undefined ? event : { ...event, source: own };
  if (!matches(sources, named.source)) throw notGranted('source', sources, name);
  if (!matches(types, event.type)) throw notGranted('type', types, name);
  if (!matches(keys, event.key)) throw notGranted('key', keys, name);
  return named;
}

function notGranted(field: string, granted: readonly string[] = [], name: string) {
  const description = `is not one that ${name} may publish; it may publish ${granted.slice(0, 16).join(', ')}`;
  return invalidField(`event.${field}`, description, 'PERMISSION_DENIED');
}
