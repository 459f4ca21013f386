import type { EventInit } from '../sync-client.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';

/** An event that must be refused, and how. */
export interface WrongEvent {
  readonly title: string;
  readonly event: EventInit;
  readonly code: string;
  readonly reason: string;
  readonly fields: readonly string[];
  /** True: the JSON form of the contract cannot even say it. */
  readonly binaryOnly?: boolean;
}

const right = {
  type: 'ProcessUpdated',
  payload: { case: 'json', value: { name: PAYLOAD_MARKER } },
} satisfies EventInit;

function invalid(title: string, wrong: EventInit, ...fields: string[]): WrongEvent {
  return { title, event: { ...right, ...wrong }, code: 'invalid_argument', reason: 'EVENT_INVALID', fields };
}

function binaryOnly(wrong: WrongEvent): WrongEvent {
  return { ...wrong, binaryOnly: true };
}

function tooLarge(title: string, payload: EventInit['payload']): WrongEvent {
  const event = { ...right, dataContentType: '', ...(payload !== undefined && { payload }) };
  return { title, event, code: 'resource_exhausted', reason: 'EVENT_TOO_LARGE', fields: ['event.data'] };
}

const marked = (sizeBytes: number) => Buffer.from(PAYLOAD_MARKER.padEnd(sizeBytes, '.'));

/** The first second after the year 9999. */
const YEAR_10000 = 253_402_300_800n;

/** Everything that an event can get wrong: the bounds of hms/sync/v1/event.proto, each just overstepped. */
export const wrongEvents: readonly WrongEvent[] = [
  invalid('no type', { type: '' }, 'event.type'),
  invalid('a type of 129 characters', { type: 't'.repeat(129) }, 'event.type'),
  invalid('a type with a control character', { type: 'a\u0000b' }, 'event.type'),
  invalid('an id of 129 characters', { id: 'i'.repeat(129) }, 'event.id'),
  invalid('an id with a line break', { id: 'a\nb' }, 'event.id'),
  invalid('an id with a space', { id: 'a b' }, 'event.id'),
  invalid('an id outside of ASCII', { id: 'événement' }, 'event.id'),
  invalid('a key of 257 characters', { key: 'k'.repeat(257) }, 'event.key'),
  invalid('a key with a control character', { key: 'a\u007fb' }, 'event.key'),
  invalid('a source of 257 characters', { source: 's'.repeat(257) }, 'event.source'),
  invalid('a source with a control character', { source: 'a\tb' }, 'event.source'),
  invalid('a time before 1970', { time: { seconds: -1n } }, 'event.time'),
  binaryOnly(invalid('a time after the year 9999', { time: { seconds: YEAR_10000 } }, 'event.time')),
  binaryOnly(invalid('a time past all numbers', { time: { seconds: 2n ** 62n } }, 'event.time')),
  binaryOnly(invalid('a time with too many nanoseconds', { time: { seconds: 1n, nanos: 1e9 } }, 'event.time')),
  invalid('33 attributes', { attributes: attributes(33) }, 'event.attributes'),
  invalid('an attribute in capitals', { attributes: { Tenant: 'x' } }, 'event.attributes'),
  invalid('an attribute without a name', { attributes: { '': 'x' } }, 'event.attributes'),
  invalid('an attribute name of 65 characters', { attributes: { ['n'.repeat(65)]: 'x' } }, 'event.attributes'),
  invalid('an attribute of 1,025 characters', { attributes: { tenant: 'x'.repeat(1_025) } }, 'event.attributes'),
  invalid('an attribute with a line break', { attributes: { tenant: 'a\r\nb' } }, 'event.attributes'),
  invalid('a content type of 129 characters', withBytes('c'.repeat(129)), 'event.data_content_type'),
  invalid('a content type with a line break', withBytes('a/b\r\nx: y'), 'event.data_content_type'),
  invalid('JSON that says to be a text', { dataContentType: 'text/plain' }, 'event.data_content_type'),
  binaryOnly(
    invalid('JSON with NaN', { payload: { case: 'json', value: { [PAYLOAD_MARKER]: Number.NaN } } }, 'event.json'),
  ),
  invalid('several wrong fields', { type: '', key: 'k'.repeat(257), id: ' ' }, 'event.id', 'event.type', 'event.key'),
  tooLarge('one byte more than 256 KiB', { case: 'data', value: marked(256 * 1024 + 1) }),
  tooLarge('JSON of more than 256 KiB', { case: 'json', value: { text: marked(256 * 1024).toString() } }),
];

function withBytes(dataContentType: string): EventInit {
  return { payload: { case: 'data', value: marked(16) }, dataContentType };
}

function attributes(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, 'x']));
}
