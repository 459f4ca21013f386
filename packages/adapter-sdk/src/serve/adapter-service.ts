import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import {
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
  type ConfigureRequest,
  type ConfigureResponse,
  ConfigureResponseSchema,
  type DeliverRequest,
  type DeliverResponse,
  type DescribeResponse,
  DescribeResponseSchema,
  type DrainRequest,
  type DrainResponse,
  DrainResponseSchema,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { JsonError, readJsonAsDoubles } from '@hms-sync/proto/json';
import type { AdapterLog } from '../adapter-log.ts';
import type { AdapterIdentity } from '../context.ts';
import type { DefinedAdapter } from '../definition.ts';
import { type AdapterHost, createAdapterHost, type Diagnostic } from '../host/host.ts';
import { serveDeliverCall } from './deliver-call.ts';
import type { LoadedAdapter } from './load-adapter.ts';
import { RunningAttempts } from './running-attempts.ts';

/** The major protocol versions that this SDK supports. */
export const PROTOCOLS: readonly number[] = [1];

/** For a Drain without a timeout. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Options of the service. */
export interface AdapterServiceOptions {
  readonly adapter: AdapterIdentity;
  /** The adapter's code, once it is loaded. Never rejects. */
  readonly loading: Promise<LoadedAdapter>;
  readonly log: AdapterLog;
}

/** hms.adapter.v1.AdapterService on top of a host: converts messages. */
export class AdapterServer {
  readonly #options: AdapterServiceOptions;
  readonly #running = new RunningAttempts();
  #host: AdapterHost | undefined;
  #configured = false;
  #configuring: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: AdapterServiceOptions) {
    this.#options = options;
  }

  /** The rpcs, for a server of @grpc/grpc-js. */
  get implementation(): UntypedServiceImplementation {
    return {
      Describe: unary(() => this.#describe()),
      Configure: unary((request: ConfigureRequest) => this.#configure(request)),
      Check: unary((_request: CheckRequest) => this.#check()),
      Drain: unary((request: DrainRequest) => this.#drain(request)),
      Deliver: (call: ServerDuplexStream<DeliverRequest, DeliverResponse>) => this.#deliver(call),
    };
  }

  /** Closes the adapter when `open` and running attempts have ended, or after 10 s. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#host?.close();
    // A resource that open() creates meanwhile is closed too, so wait for that.
    await this.#configuring;
  }

  async #describe(): Promise<DescribeResponse> {
    const { adapter, loading } = this.#options;
    const loaded = await loading;
    const identity = { ...adapter, protocols: [...PROTOCOLS] };
    if (loaded.kind === 'failed') return create(DescribeResponseSchema, { ...identity, loadFailure: loaded.why });
    const { definition } = loaded;
    const { accepts, delivery, configSchema } = this.#hostOf(definition).description;
    return create(DescribeResponseSchema, {
      ...identity,
      accepts: [...(accepts ?? [])],
      capabilities: definition.check === undefined ? [] : ['check'],
      configSchemaJson: configSchema === undefined ? '' : JSON.stringify(configSchema),
      delivery: { concurrency: delivery.concurrency, timeout: durationFromMs(delivery.timeoutMs) },
    });
  }

  async #configure({ configJson }: ConfigureRequest): Promise<ConfigureResponse> {
    const loaded = await this.#options.loading;
    if (loaded.kind === 'failed') return refused({ path: '', message: 'the adapter could not be loaded' });
    if (this.#closed) return refused({ path: '', message: 'the adapter is closing' });
    const config = parsed(configJson);
    if ('wrong' in config) return refused(config.wrong);
    const configuring = this.#hostOf(loaded.definition).configure(config.value);
    this.#configuring = configuring;
    const diagnostics = await configuring;
    if (diagnostics.length === 0) {
      this.#configured = true;
      // Configure ends a Drain of an earlier hub: a service may run longer than its hubs.
      this.#running.resume();
    }
    return refused(...diagnostics);
  }

  async #check(): Promise<CheckResponse> {
    const results = (await this.#host?.check()) ?? [
      { name: 'configuration', ok: false, message: 'the adapter has no valid configuration yet' },
    ];
    return create(CheckResponseSchema, { results: [...results] });
  }

  async #drain({ timeout }: DrainRequest): Promise<DrainResponse> {
    const timeoutMs = timeout === undefined ? DRAIN_TIMEOUT_MS : durationMs(timeout);
    return create(DrainResponseSchema, { unfinished: await this.#running.drain(timeoutMs) });
  }

  #deliver(call: ServerDuplexStream<DeliverRequest, DeliverResponse>): void {
    if (this.#host !== undefined && this.#configured) {
      serveDeliverCall({ call, host: this.#host, running: this.#running });
      return;
    }
    call.emit('error', { code: status.FAILED_PRECONDITION, details: 'Configure the adapter before Deliver' });
  }

  #hostOf(definition: DefinedAdapter): AdapterHost {
    const { adapter, log } = this.#options;
    this.#host ??= createAdapterHost(definition, { adapter, log });
    return this.#host;
  }
}

function unary<Request, Response>(handle: (request: Request) => Promise<Response>) {
  return ({ request }: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    handle(request).then(
      (response) => answer(null, response),
      // The host never rejects, so this is a bug of the SDK. Its message is not sent: it could quote adapter code.
      () => answer({ code: status.INTERNAL, details: 'internal error of the SDK' }),
    );
  };
}

function refused(...diagnostics: readonly Diagnostic[]): ConfigureResponse {
  return create(ConfigureResponseSchema, { diagnostics: [...diagnostics] });
}

/** The error does not quote the text, which contains secrets. */
function parsed(json: string): { readonly value: unknown } | { readonly wrong: Diagnostic } {
  try {
    return { value: readJsonAsDoubles(json) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { path, message } = error;
    return { wrong: { path, message: `config_json ${message}` } };
  }
}
