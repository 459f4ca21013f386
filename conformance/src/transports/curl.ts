import { create, type DescMessage, fromJsonString, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import { callWire, pathOf } from '../wire.ts';
import type { Transport, TransportKind, Wire } from './transport.ts';

const wire: Wire = { httpVersion: '1.1', protocol: 'connect', codec: 'json' };

/** As from a terminal: one JSON document posted, one answered. */
export const curl: TransportKind = {
  name: 'JSON as curl posts it',
  features: { serverStreams: false, bidiStreams: false },
  wire,
  create: (address) => fromAddress(address),
};

function fromAddress(address: string): Transport {
  return {
    unary: async (method, request) => {
      const body = toJsonString(method.input, create(method.input, request));
      const answer = await callWire(address, { wire, path: pathOf(method), message: Buffer.from(body) });
      if (answer.error !== undefined) throw answer.error;
      return parse(method.output, answer.message);
    },
    serverStream: () => refuse(),
    bidiStream: () => refuse(),
    close: () => undefined,
  };
}

function parse<O extends DescMessage>(schema: O, message: Buffer): MessageShape<O> {
  return fromJsonString(schema, message.toString());
}

function refuse(): never {
  throw new TypeError('curl posts one document and reads one: it has no streams');
}
