import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { ConnectError, type Transport as ConnectTransport } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { CallError, type ErrorDetail } from '../call-error.ts';
import type { Transport } from './transport.ts';

/** A transport of connect-node in the form that the cases are written for. */
export function fromConnect(transport: ConnectTransport, close: () => void): Transport {
  async function* stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
  ): AsyncIterable<MessageShape<O>> {
    const leave = new AbortController();
    try {
      const response = await transport.stream(method, leave.signal, undefined, undefined, requests);
      yield* response.message;
    } catch (error) {
      throw toCallError(error);
    } finally {
      leave.abort();
    }
  }

  return {
    unary: async (method, request) => {
      try {
        return (await transport.unary(method, undefined, undefined, undefined, request)).message;
      } catch (error) {
        throw toCallError(error);
      }
    },
    serverStream: (method, request) => stream(method, only(request)),
    bidiStream: stream,
    close,
  };
}

async function* only<Value>(value: Value): AsyncIterable<Value> {
  yield value;
}

function toCallError(error: unknown): CallError {
  const { code, rawMessage, details } = ConnectError.from(error);
  const incoming = details.flatMap((detail): ErrorDetail[] => ('type' in detail ? [detail] : []));
  return new CallError({ code: codeToString(code), message: rawMessage, details: incoming });
}
