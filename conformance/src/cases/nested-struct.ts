/**
 * A PublishAndWaitRequest in protobuf whose event.json is an object in an object in an object. Written by hand: no
 * encoder goes so deep.
 */
export function nestedStruct(levels: number): Buffer {
  let value = field(1, Buffer.alloc(0));
  for (let level = 0; level < levels; level += 1) {
    // Value.struct_value = 5 { Struct.fields = 1 { key = 1 "a", value = 2 <Value> } }
    const entry = Buffer.concat([field(1, Buffer.from('a')), field(2, value)]);
    value = field(5, field(1, entry));
  }
  // SyncEvent.type = 3, SyncEvent.json = 6; PublishAndWaitRequest.event = 1
  const struct = field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)]));
  return field(1, Buffer.concat([field(3, Buffer.from('T')), field(6, struct)]));
}

/** A length-delimited field. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.byteLength), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
