import { create, type DescField, type DescMessage, type MessageShape, type ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';

/** protobuf's number for a string; the enum itself is erased here. */
const STRING: ScalarType = 9;
const BYTES: ScalarType = 12;
const BOOL: ScalarType = 8;
/** Messages hold messages: past this depth nothing is filled in. */
const DEPTH_MAX = 6;

/** A message with this text in each of its string fields, in all messages in it too, and numbers that are not 0. */
export function filledMessage<Schema extends DescMessage>(
  schema: Schema,
  text: string,
  depth = 0,
): MessageShape<Schema> {
  const message = create(schema);
  if (schema.typeName === 'google.protobuf.Timestamp') return Object.assign(message, { seconds: 1_800_000_000n });
  if (schema.typeName === 'google.protobuf.Duration') return Object.assign(message, { seconds: 3n });
  if (depth > DEPTH_MAX || schema.typeName.startsWith('google.protobuf.')) return message;
  const reflected = reflect(schema, message);
  for (const field of schema.fields) {
    switch (field.fieldKind) {
      case 'scalar':
        reflected.set(field, scalar(field, text));
        break;
      case 'enum':
        reflected.set(field, field.enum.values.at(-1)?.number ?? 0);
        break;
      case 'message':
        reflected.set(field, reflect(field.message, filledMessage(field.message, text, depth + 1)));
        break;
      case 'list': {
        const list = reflected.get(field);
        if (field.listKind === 'message')
          list.add(reflect(field.message, filledMessage(field.message, text, depth + 1)));
        else if (field.listKind === 'scalar') list.add(scalar(field, text));
        else list.add(field.enum.values.at(-1)?.number ?? 0);
        break;
      }
      case 'map':
        break;
    }
  }
  return message;
}

function scalar({ scalar }: DescField & { scalar: ScalarType }, text: string): unknown {
  switch (scalar) {
    case STRING:
      return text;
    case BYTES:
      return Uint8Array.of(1, 2, 3);
    case BOOL:
      return true;
    // 64-bit integers are bigints.
    case 3:
    case 4:
      return 7n;
    default:
      return 7;
  }
}
