import {
  create,
  type DescMessage,
  type DescMethod,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { type GrpcMethod, grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { CallError, statusDetails } from '../call-error.ts';
import type { Transport, TransportKind } from './transport.ts';

export const grpcJs: TransportKind = {
  name: 'gRPC by @grpc/grpc-js',
  features: { serverStreams: true, bidiStreams: true },
  wire: { httpVersion: '2', protocol: 'grpc', codec: 'proto' },
  create: (address) => {
    // A connection of its own, so that what one test does to it is not another's trouble.
    const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1 };
    return fromClient(new Client(new URL(address).host, credentials.createInsecure(), options));
  },
};

function fromClient(client: Client): Transport {
  return {
    unary: (method, request) => {
      const { path, requestSerialize, responseDeserialize } = describe(method);
      const message = create(method.input, request);
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error, response) => {
          if (error !== null) reject(toCallError(error));
          else resolve(as(method.output, response));
        });
      });
    },
    serverStream: (method, request) => {
      const { path, requestSerialize, responseDeserialize } = describe(method);
      const message = create(method.input, request);
      return read(method.output, () =>
        client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message),
      );
    },
    bidiStream: (method, requests) => {
      const { path, requestSerialize, responseDeserialize } = describe(method);
      return read(method.output, () => {
        const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
        void send(call, messages(method.input, requests));
        return call;
      });
    },
    close: () => client.close(),
  };
}

function describe(method: DescMethod): GrpcMethod {
  const description = grpcServiceDefinition(method.parent)[method.name];
  if (description === undefined) throw new TypeError(`${method.parent.typeName} has no ${method.name}`);
  return description;
}

async function* read<O extends DescMessage>(
  schema: O,
  start: () => AsyncIterable<Message> & { cancel(): void; on(event: 'error', listener: () => void): unknown },
): AsyncIterable<MessageShape<O>> {
  const call = start();
  // A call that is left is cancelled, and says so by an error that nobody waits for any more.
  call.on('error', () => undefined);
  try {
    for await (const message of call) yield as(schema, message);
  } catch (error) {
    throw isServiceError(error) ? toCallError(error) : error;
  } finally {
    call.cancel();
  }
}

async function* messages<I extends DescMessage>(
  schema: I,
  inits: AsyncIterable<MessageInitShape<I>>,
): AsyncIterable<Message> {
  for await (const init of inits) yield create(schema, init);
}

/** As fast as the hub reads. Ends with the call, whose reader learns how it ended. */
async function send(call: ClientDuplexStream<Message, Message>, requests: AsyncIterable<Message>): Promise<void> {
  const ended = new Promise((resolve) => call.once('close', resolve));
  for await (const request of requests) {
    if (call.destroyed) return;
    if (call.write(request)) continue;
    await Promise.race([new Promise((resolve) => call.once('drain', resolve)), ended]);
  }
  call.end();
}

function as<O extends DescMessage>(schema: O, message: Message | undefined): MessageShape<O> {
  if (message === undefined || !isMessage(message, schema)) throw new TypeError(`no ${schema.typeName} was answered`);
  return message;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error;
}

function toCallError({ code, details, metadata }: ServiceError): CallError {
  const [status] = metadata.get('grpc-status-details-bin');
  return new CallError({
    code: codeToString(Number(code)),
    message: details,
    details: Buffer.isBuffer(status) ? statusDetails(status) : [],
  });
}
