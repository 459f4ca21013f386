import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { MESSAGE_MAX_CHARACTERS } from '@hms-sync/adapter-sdk/host';
import { type GrpcMethod, grpcServiceDefinition } from '@hms-sync/proto/grpc';
import { Health } from '@hms-sync/proto/health/v1/health';
import {
  AdapterService,
  type CheckResult as CheckResultMessage,
  type DeliverResponse,
  DeliverResponseSchema,
  type DescribeResponse,
  type Diagnostic,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { checkWire } from '@hms-sync/proto/wire';
import type { ConfigSecrets } from '../config-secrets.ts';
import type { CheckResult } from '../runtime.ts';

/** Outcomes of a full credit with the longest messages: 2,048 of about 3 KiB. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;
/** The fields of all outcomes of a full credit, several times over. */
const ANSWER_BOUNDS = { fieldsMax: 65_536, nestingMax: 0 };

export interface AdapterClientOptions {
  /** As @grpc/grpc-js writes it: `unix:<path>` or `dns:host:port`. */
  readonly target: string;
  readonly credentials: ChannelCredentials;
  /** Sent with every call as `authorization: Bearer <token>`. Undefined: none. */
  readonly token?: string | undefined;
  readonly channel?: ChannelOptions;
}

/** Who asks. */
export interface HubIdentity {
  readonly version: string;
  /** The protocol majors that it speaks. */
  readonly protocols: readonly number[];
}

/** Why a call got no answer. `late`: not within its time. The message may quote the adapter: take its secrets out. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: 'late' | 'unimplemented' | 'unauthenticated' | 'unavailable';

  constructor(code: CallError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const deliverMethod = methodOf(AdapterService.method.deliver);

/** hms.adapter.v1 of one adapter, over one connection. */
export class AdapterClient {
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #calls = new Set<{ cancel(): void }>();
  #protocol = 1;

  constructor({ target, credentials, token, channel }: AdapterClientOptions) {
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
    this.#client = new Client(target, credentials, {
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      // What failed is tried again by lanes and runtimes, which know what it costs.
      'grpc.enable_retries': 0,
      // A connection of its own, whose end means that this adapter is gone.
      'grpc.use_local_subchannel_pool': 1,
      // One rule for everything that connects: by a proxy only when Node is set to.
      'grpc.enable_http_proxy': process.env.NODE_USE_ENV_PROXY === '1' ? 1 : 0,
      ...channel,
    });
  }

  /**
   * Calls Describe in one version of the protocol; every later call is made in the same.
   *
   * @throws {CallError} `unimplemented` when the adapter does not speak it
   */
  async describe(protocol: number, hub: HubIdentity, timeoutMs: number): Promise<DescribeResponse> {
    this.#protocol = protocol;
    const request = { hubVersion: hub.version, protocols: [...hub.protocols] };
    return this.#call(AdapterService.method.describe, request, timeoutMs);
  }

  /** Hands over the configuration; empty when it was taken. @throws {CallError} */
  async configure(config: unknown, timeoutMs: number): Promise<readonly Diagnostic[]> {
    const request = { configJson: JSON.stringify(config ?? null) };
    return (await this.#call(AdapterService.method.configure, request, timeoutMs)).diagnostics;
  }

  /** Can the adapter reach its external system? @throws {CallError} */
  async check(timeoutMs: number): Promise<readonly CheckResultMessage[]> {
    return (await this.#call(AdapterService.method.check, {}, timeoutMs)).results;
  }

  /** Resolves when it answers, whatever it says. @throws {CallError} */
  async beat(timeoutMs: number): Promise<void> {
    await this.#call(Health.method.check, {}, timeoutMs);
  }

  /** Takes each DeliverRequest as its bytes. */
  deliver(): ClientDuplexStream<Buffer, DeliverResponse> {
    const call = this.#client.makeBidiStreamRequest(
      this.#inProtocol(deliverMethod.path),
      (bytes: Buffer) => bytes,
      (bytes) => readAnswer(DeliverResponseSchema, bytes),
      this.#metadata,
    );
    this.#calls.add(call);
    call.once('status', () => this.#calls.delete(call));
    return call;
  }

  /** Ends every call and the connection. */
  close(): void {
    // Closing a channel of gRPC does not end its calls.
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }

  #call<Method extends DescMethodUnary>(
    method: Method,
    init: MessageInitShape<Method['input']>,
    timeoutMs: number,
  ): Promise<MessageShape<Method['output']>> {
    const { path, requestSerialize } = methodOf(method);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        this.#inProtocol(path),
        requestSerialize,
        (bytes) => readAnswer<Method['output']>(method.output, bytes),
        create(method.input, init),
        this.#metadata,
        (error, answer) => {
          clearTimeout(timer);
          this.#calls.delete(call);
          if (answer !== undefined) resolve(answer);
          else reject(callError(error, timeoutMs));
        },
      );
      // Not gRPC's deadline, which is a time of the wall clock: that may jump.
      const timer = setTimeout(() => call.cancel(), timeoutMs);
      this.#calls.add(call);
    });
  }

  /** The major is the package's name; within one, newer fields are for those who know them. */
  #inProtocol(path: string): string {
    return path.replace('/hms.adapter.v1.', `/hms.adapter.v${this.#protocol}.`);
  }
}

/**
 * An adapter's answer from its bytes. They may be hostile: eight megabytes hold four million empty members, and making
 * these would take two seconds and half a gigabyte of the hub.
 *
 * @throws {WireError} when they are not such a message, or more than any is
 */
export function readAnswer<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  checkWire(schema, bytes, ANSWER_BOUNDS);
  // Nobody would read what is unknown, and each costs as much as a member.
  return fromBinary(schema, bytes, { readUnknownFields: false });
}

function methodOf({ name, parent }: DescMethodUnary | typeof AdapterService.method.deliver): GrpcMethod {
  const method = grpcServiceDefinition(parent)[name];
  if (method === undefined) throw new Error(`${parent.typeName} has no ${name}`);
  return method;
}

function callError(error: ServiceError | null, timeoutMs: number): CallError {
  switch (error?.code) {
    case status.CANCELLED:
      return new CallError('late', `no answer within ${timeoutMs} ms`);
    case status.UNIMPLEMENTED:
      return new CallError('unimplemented', 'it does not serve this call');
    case status.UNAUTHENTICATED:
      return new CallError('unauthenticated', 'it refuses the token');
    case status.PERMISSION_DENIED:
      return new CallError('unauthenticated', `it refuses this hub: ${error.details.slice(0, 256)}`);
    default:
      return new CallError('unavailable', (error?.details ?? 'no answer').slice(0, 256));
  }
}

/** The SDK gives the adapter 10 s; a little more, so that its own words about it arrive. */
const CHECK_TIMEOUT_MS = 12_000;
/** As the protocol has it, for an adapter that does not keep to it. */
const RESULTS_MAX = 64;

/** Asks an adapter what it says of its external system. Never rejects: no answer is a result too. */
export async function checkAdapter(adapter: {
  readonly client: AdapterClient;
  readonly secrets: ConfigSecrets;
  /** It did not answer: resolves when it is known whether it ended. Absent: nobody would know. */
  readonly afterSilence?: () => Promise<unknown>;
}): Promise<readonly CheckResult[]> {
  const { client, secrets, afterSilence } = adapter;
  try {
    const results = await client.check(CHECK_TIMEOUT_MS);
    return results.slice(0, RESULTS_MAX).map(({ name, ok, message }) => ({
      name: secrets.takenOut(name),
      ok,
      message: secrets.takenOut(message, MESSAGE_MAX_CHARACTERS),
    }));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    await afterSilence?.();
    return [{ name: 'check', ok: false, message: secrets.takenOut(`the adapter did not answer: ${error.message}`) }];
  }
}
