import { type DescService, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';

/** One method as @grpc/grpc-js describes it: its path, its form, and how its messages become bytes and back. */
export interface GrpcMethod {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize(message: MessageShape<DescService['methods'][number]['input']>): Buffer;
  requestDeserialize(bytes: Buffer): MessageShape<DescService['methods'][number]['input']>;
  responseSerialize(message: MessageShape<DescService['methods'][number]['output']>): Buffer;
  responseDeserialize(bytes: Buffer): MessageShape<DescService['methods'][number]['output']>;
}

/**
 * Describes a service to @grpc/grpc-js, so that its clients and servers carry the generated messages.
 *
 * @example
 * ```ts
 * const Client = makeGenericClientConstructor(grpcServiceDefinition(SyncService), SyncService.typeName);
 * const client = new Client('127.0.0.1:7003', credentials.createInsecure());
 * ```
 * @returns the methods by their names as they stand in the .proto file
 */
export function grpcServiceDefinition(service: DescService): Record<string, GrpcMethod> {
  return Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
        responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
        requestSerialize: (message) => asBuffer(toBinary(method.input, message)),
        requestDeserialize: (bytes) => fromBinary(method.input, bytes),
        responseSerialize: (message) => asBuffer(toBinary(method.output, message)),
        responseDeserialize: (bytes) => fromBinary(method.output, bytes),
      } satisfies GrpcMethod,
    ]),
  );
}

/** The same bytes, not a copy. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
