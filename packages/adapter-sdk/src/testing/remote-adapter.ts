import {
  create,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import {
  AdapterService,
  type DeliverRequest,
  type DeliverResponse,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { CheckFailure } from './check-failure.ts';

/** Options of the connection to a remote adapter. */
export interface RemoteOptions {
  /** Sent as `authorization: Bearer <token>`. */
  readonly token?: string | undefined;
  /** Everything in PEM. Absent: plain text. */
  readonly tls?: RemoteTls | undefined;
}

/** TLS options of the connection. */
export interface RemoteTls {
  /** The CA of the adapter's certificate. Absent: the CAs that Node trusts. */
  readonly ca?: string | undefined;
  /** A client certificate; requires `key`. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The hub's side of a Deliver stream. */
export type DeliverStream = ClientDuplexStream<DeliverRequest, DeliverResponse>;

/** Longer than the 10 s that `open` may take. */
const CALL_TIMEOUT_MS = 15_000;
/** Enough for many outcomes with the longest messages. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;

const { deliver } = AdapterService.method;

/** One connection to an adapter that serves `hms.adapter.v1`. */
export class RemoteAdapter {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(address: string, { token, tls }: RemoteOptions) {
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
    this.#client = new Client(address, channelCredentials(tls), {
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      'grpc.enable_retries': 0,
      // A separate connection per adapter: closing it ends the streams.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Calls a method. @throws CheckFailure when there is no response. */
  call<Method extends DescMethodUnary>(
    method: Method,
    request: MessageInitShape<Method['input']>,
  ): Promise<MessageShape<Method['output']>> {
    const message = create(method.input, request) as MessageShape<Method['input']>;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        pathOf(method),
        () => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes) as MessageShape<Method['output']>,
        message,
        this.#metadata,
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error, response) => {
          if (response !== undefined) return resolve(response);
          const why = error === null ? 'there was no response' : `${error.code} ${error.details}`;
          const todo = 'check that the adapter runs there and serves hms.adapter.v1';
          reject(new CheckFailure(`${method.name} failed: ${why}`, { todo }));
        },
      );
    });
  }

  /** Opens a Deliver stream. */
  deliver(): DeliverStream {
    return this.#client.makeBidiStreamRequest(
      pathOf(deliver),
      (message: DeliverRequest) => Buffer.from(toBinary(deliver.input, message)),
      (bytes) => fromBinary(deliver.output, bytes),
      this.#metadata,
    );
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }
}

function pathOf({ name, parent }: DescMethodUnary | DescMethodBiDiStreaming): string {
  return `/${parent.typeName}/${name}`;
}

function channelCredentials(tls: RemoteTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert));
}
