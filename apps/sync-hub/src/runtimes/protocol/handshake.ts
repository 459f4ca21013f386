import { durationMs } from '@bufbuild/protobuf/wkt';
import type { DescribeResponse } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { ADAPTER_ID } from '../../core/adapter-id.ts';
import { MAX_CONCURRENCY } from '../../core/lane-messages.ts';
import type { ConfigSecrets } from '../config-secrets.ts';
import type { ReadyRuntime } from '../runtime.ts';
import { type AdapterClient, CallError } from './adapter-client.ts';

/** What holds when an adapter does not say. */
const DEFAULT_CONCURRENCY = 8;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Ten minutes: past that an external system should be polled, not waited for. */
const TIMEOUT_MAX_MS = 600_000;
/** The adapter's open() gets 10 s by the SDK; a little more, so that its own words about it arrive. */
const CONFIGURE_TIMEOUT_MS = 12_000;
/** An adapter may claim to speak any number; a reason is for one line. */
const PROTOCOLS_TOLD = 8;

export interface HandshakeOptions {
  readonly client: AdapterClient;
  readonly hubVersion: string;
  /** The protocol majors that the hub speaks. */
  readonly protocols: readonly number[];
  /** The adapter's part of the configuration, secrets in clear. */
  readonly config: unknown;
  readonly secrets: ConfigSecrets;
  /** What the reason begins with: `@clinic/adapter-lab@1.0.0`, or where a remote one is. */
  readonly name: string;
  /** How long there is until the adapter says who it is. */
  readonly describeTimeoutMs: number;
}

/** Why an adapter did not come to be ready. The reason holds no secret. */
export interface StartFailure {
  readonly kind: 'failed' | 'incompatible';
  readonly reason: string;
  /** True when the same may go well later, without anybody fixing anything. */
  readonly passing: boolean;
}

/** Who are you, which protocol do we speak, here is your configuration. Never rejects. */
export async function handshake(options: HandshakeOptions): Promise<ReadyRuntime | StartFailure> {
  const { client, hubVersion, protocols, config, secrets, name, describeTimeoutMs } = options;
  try {
    const hub = { version: hubVersion, protocols };
    const agreed = await negotiate(protocols, (protocol) => client.describe(protocol, hub, describeTimeoutMs));
    if (agreed.kind === 'incompatible') return incompatible(name, protocols, agreed.theirs);
    const { description } = agreed;
    if (description.loadFailure !== '') {
      return failure(`${name} could not be loaded: ${secrets.takenOut(description.loadFailure)}`);
    }
    if (!ADAPTER_ID.test(description.id)) return failure(`${name} describes itself without a valid id`);
    const diagnostics = await client.configure(config, CONFIGURE_TIMEOUT_MS);
    if (diagnostics.length > 0) {
      const wrong = diagnostics.map(({ path, message }) => `config${path && `.${path}`}: ${message}`).join('; ');
      return failure(`${secrets.takenOut(wrong)}; fix the adapter's configuration`);
    }
    const { accepts, delivery } = description;
    const timeoutMs = delivery?.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(delivery.timeout);
    return {
      kind: 'ready',
      accepts: accepts.length === 0 ? 'all' : new Set(accepts),
      concurrency: Math.min(delivery?.concurrency || DEFAULT_CONCURRENCY, MAX_CONCURRENCY),
      attemptTimeoutMs: Math.min(Math.max(timeoutMs, 1), TIMEOUT_MAX_MS),
    };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const why = secrets.takenOut(error.message);
    return { kind: 'failed', reason: `${name} did not finish starting: ${why}`, passing: true };
  }
}

/** What an adapter says of itself by the newest protocol that it and the hub speak. */
type Negotiated =
  | { readonly kind: 'agreed'; readonly description: DescribeResponse }
  /** They have no protocol in common. `theirs` is empty when the other side answers none of the hub's. */
  | { readonly kind: 'incompatible'; readonly theirs: readonly number[] };

/**
 * Finds the newest protocol that both sides speak. The major is the package's name, so each is asked for by a Describe
 * of its own, newest first; an adapter that does not know that package answers UNIMPLEMENTED.
 *
 * @param spoken the hub's majors
 * @param describe calls Describe of one major
 * @throws {CallError} when the adapter does not answer at all
 */
async function negotiate(
  spoken: readonly number[],
  describe: (protocol: number) => Promise<DescribeResponse>,
): Promise<Negotiated> {
  for (const asked of spoken.toSorted((a, b) => b - a)) {
    const description = await describe(asked).catch(unlessUnimplemented);
    if (description === undefined) continue;
    const isCommon = description.protocols.some((protocol) => spoken.includes(protocol));
    return isCommon ? { kind: 'agreed', description } : { kind: 'incompatible', theirs: description.protocols };
  }
  return { kind: 'incompatible', theirs: [] };
}

function unlessUnimplemented(error: unknown): undefined {
  if (!(error instanceof CallError) || error.code !== 'unimplemented') throw error;
}

function failure(reason: string): StartFailure {
  return { kind: 'failed', reason, passing: false };
}

function incompatible(name: string, ours: readonly number[], theirs: readonly number[]): StartFailure {
  const speaks = theirs.length === 0 ? 'none of them' : theirs.slice(0, PROTOCOLS_TOLD).join(', ');
  return {
    kind: 'incompatible',
    reason: `the hub speaks adapter protocol ${ours.join(', ')}, ${name} ${speaks}; install a version of it that speaks one of the hub's`,
    passing: false,
  };
}
