import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** The outcomes of a full credit (2,048), or the event types of the largest adapter, several times over. */
const FIELDS_MAX = 8_192;
/** A tag and a length. */
const FIELD_MIN_BYTES = 2;

/**
 * An adapter's answer from its bytes. They may be hostile: eight megabytes hold four million empty members, and making
 * these would take two seconds and half a gigabyte of the hub.
 *
 * @throws Error when they are no such message, or more than any is
 */
export function readAnswer<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  if (bytes.byteLength > FIELDS_MAX * FIELD_MIN_BYTES) assertFewFields(bytes);
  // Nobody would read them, and each costs as much as a member.
  return fromBinary(schema, bytes, { readUnknownFields: false });
}

function assertFewFields(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  for (let fields = 1; reader.pos < reader.len; fields += 1) {
    if (fields > FIELDS_MAX) throw new RangeError(`an answer has at most ${FIELDS_MAX} fields`);
    const [, wireType] = reader.tag();
    reader.skip(wireType);
  }
}
