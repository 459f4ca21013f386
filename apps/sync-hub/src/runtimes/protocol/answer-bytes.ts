import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { checkWire } from '@hms-sync/proto/wire';

/** The fields of all outcomes of a full credit (2,048), several times over. */
const BOUNDS = { fieldsMax: 65_536, nestingMax: 0 };

/**
 * An adapter's answer from its bytes. They may be hostile: eight megabytes hold four million empty members, and making
 * these would take two seconds and half a gigabyte of the hub.
 *
 * @throws {WireError} when they are no such message, or more than any is
 */
export function readAnswer<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  checkWire(schema, bytes, BOUNDS);
  // Nobody would read what is unknown, and each costs as much as a member.
  return fromBinary(schema, bytes, { readUnknownFields: false });
}
