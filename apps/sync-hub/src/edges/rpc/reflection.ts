import { Code, type ConnectRouter } from '@connectrpc/connect';
import { ServerReflection, type ServerReflectionRequest } from '@hms-sync/proto/grpc/reflection/v1/reflection';
import {
  type ServerReflectionRequest as ServerReflectionRequestV1Alpha,
  ServerReflection as ServerReflectionV1Alpha,
} from '@hms-sync/proto/grpc/reflection/v1alpha/reflection';
import { DescriptorIndex } from './descriptor-index.ts';

/** The two versions are the same message for message; old clients know only the second. */
type ReflectionRequest = ServerReflectionRequest | ServerReflectionRequestV1Alpha;

/** What one question comes to, in the words of both versions. */
type Answer =
  | { readonly case: 'fileDescriptorResponse'; readonly value: { readonly fileDescriptorProto: Uint8Array[] } }
  | { readonly case: 'listServicesResponse'; readonly value: { readonly service: { readonly name: string }[] } }
  | { readonly case: 'errorResponse'; readonly value: { readonly errorCode: number; readonly errorMessage: string } };

/**
 * Adds gRPC server reflection, v1 and v1alpha, so that buf curl and grpcurl work without the .proto files. It describes
 * the services that the router has by now and of itself: register it last.
 *
 * A question that cannot be answered gets an error_response, never the end of the stream: INVALID_ARGUMENT when
 * nothing was asked, NOT_FOUND otherwise.
 */
export function registerReflection(router: ConnectRouter): void {
  const registered = router.handlers.map((handler) => handler.service);
  const index = new DescriptorIndex([...new Set([...registered, ServerReflection, ServerReflectionV1Alpha])]);
  router.service(ServerReflection, { serverReflectionInfo: (requests) => answers(requests, index) });
  router.service(ServerReflectionV1Alpha, { serverReflectionInfo: (requests) => answers(requests, index) });
}

async function* answers<Request extends ReflectionRequest>(requests: AsyncIterable<Request>, index: DescriptorIndex) {
  for await (const request of requests) {
    yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest, index) };
  }
}

function answer(question: ReflectionRequest['messageRequest'], index: DescriptorIndex): Answer {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: index.serviceNames.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(index.filesByName(question.value), 'no file has this name');
    case 'fileContainingSymbol':
      return files(
        index.filesBySymbol(question.value),
        'no file declares this symbol; write it in full, without a dot in front',
      );
    case 'fileContainingExtension':
    case 'allExtensionNumbersOfType':
      return reject(Code.NotFound, 'the contracts have no extensions');
    case undefined:
      return reject(Code.InvalidArgument, 'nothing was asked: set one field of message_request');
    default:
      return question satisfies never;
  }
}

function files(found: Uint8Array[] | undefined, otherwise: string): Answer {
  if (found === undefined) return reject(Code.NotFound, otherwise);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: found } };
}

/** Connect numbers its codes as gRPC does. */
function reject(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
