import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';

/** Which forms of call a transport carries. */
export interface Features {
  readonly serverStreams: boolean;
  readonly bidiStreams: boolean;
}

/** The wire format of the transport's calls, for requests that no client would make. */
export interface Wire {
  readonly httpVersion: '1.1' | '2';
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly codec: 'proto' | 'json';
}

/** How a transport is named and made. */
export interface TransportKind {
  /** For test titles. */
  readonly name: string;
  readonly features: Features;
  readonly wire: Wire;
  /** @param address the hub's URL */
  create(address: string): Transport;
}

/** One way to call the hub. Every call that fails rejects, or ends its stream, with a CallError. */
export interface Transport {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;

  /** Leaving the loop over it ends the call. */
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): AsyncIterable<MessageShape<O>>;

  /** Leaving the loop over it ends the call. Requests are taken as fast as the hub reads them. */
  bidiStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
  ): AsyncIterable<MessageShape<O>>;

  close(): void;
}
