import { create, type DescMethodUnary, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { createContextValues, createHandlerContext, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import {
  AdminService,
  type DeliveryFilter,
  DeliveryFilterSchema,
  type DiscardDeliveriesRequest,
  DiscardDeliveriesRequestSchema,
  type DiscardDeliveriesResponse,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import type { Command, CommandOutcome, CommandResult } from '../../journal/cluster-journal.ts';
import { throwIfStopping } from '../hub-stop.ts';
import { REQUEST_ERRORS, RequestError } from '../request-error.ts';
import { toDiscardQuery } from './admin-deliveries.ts';
import { type AdminDeps, type Cluster, callOf, requireGranted } from './admin-deps.ts';
import { unknownAdapter } from './admin-filter.ts';
import { CALLER, callerOf } from './caller.ts';
import { whyNoOwner } from './cluster-health.ts';

type AdminImpl = ServiceImpl<typeof AdminService>;

/** Those about one adapter. */
const OF_ONE_ADAPTER = ['pauseAdapter', 'resumeAdapter', 'probeAdapter', 'retryAdapter', 'restartAdapter'] as const;
type LaneRpc = (typeof OF_ONE_ADAPTER)[number] | 'discardDeliveries';

/** What they would change is in each hub's own folder. */
const OF_NO_CLUSTER = ['addAdapter', 'upgradeAdapter', 'rollbackAdapter', 'removeAdapter'] as const;

const RETRY_AFTER_MS = 5_000;

export interface ClusterServiceOptions {
  readonly deps: AdminDeps;
  readonly cluster: Cluster;
  /** Called with faults of the hub's own, for the log. */
  readonly onFault: (error: unknown) => void;
}

/**
 * AdminService of one of several hubs. What is about the lane of another hub is asked of that one, once it is certain that
 * the caller may do it: the other hub believes what it is asked, and does what it would do for a caller of its own.
 *
 * @param own of a hub that has all lanes
 */
export function createClusterService(own: AdminImpl, options: ClusterServiceOptions): AdminImpl {
  const { deps, cluster } = options;
  const { lanes } = deps;
  cluster.hubs.serve({
    lanes: () => [...lanes].map(({ adapter }) => adapter.id),
    run: (command, signal) => carryOut(own, command, { signal, onFault: options.onFault }),
  });

  const ofOneAdapter =
    (rpc: LaneRpc) => async (request: Message & { readonly adapter: string }, context: HandlerContext) => {
      const { adapter } = request;
      if (adapter === '' || lanes.get(adapter) !== undefined) return implOf(own, rpc)(request, context);
      requireGranted(callOf(deps, callerOf(context.values)), adapter);
      const known = cluster.ownerships.map((lane) => lane.adapter);
      if (!known.includes(adapter)) throw unknownAdapter(adapter, known.sort());
      return askOwner(cluster, { rpc, adapter, request }, context);
    };

  const discardDeliveries = async (request: DiscardDeliveriesRequest, context: HandlerContext) => {
    const { query } = await toDiscardQuery(callOf(deps, callerOf(context.values)), request);
    const { adapters: named = [] } = query.filter;
    const all = named.length > 0 ? named : cluster.ownerships.map(({ adapter }) => adapter);
    // What nobody has, and nobody will, any hub may discard.
    const others = cluster.ownerships.filter(
      (lane) => lanes.get(lane.adapter) === undefined && (lane.kind === 'owned' || lane.takenOverByMs !== undefined),
    );
    const elsewhere = others.flatMap(({ adapter }) => (all.includes(adapter) ? [adapter] : []));
    if (elsewhere.length === 0) return own.discardDeliveries(request, context);
    let discarded = 0n;
    for (const adapter of elsewhere) {
      const asked = { rpc: 'discardDeliveries', adapter, request: ofAdapters(request, [adapter]) } as const;
      discarded += ((await askOwner(cluster, asked, context)) as DiscardDeliveriesResponse).discarded;
    }
    const here = all.filter((adapter) => !elsewhere.includes(adapter));
    if (here.length > 0) discarded += (await own.discardDeliveries(ofAdapters(request, here), context)).discarded ?? 0n;
    return { discarded };
  };

  const asked = Object.fromEntries(OF_ONE_ADAPTER.map((rpc) => [rpc, ofOneAdapter(rpc)]));
  const refused = Object.fromEntries(OF_NO_CLUSTER.map((rpc) => [rpc, refuseInstall]));
  return { ...own, ...asked, ...refused, discardDeliveries };
}

function refuseInstall(): never {
  throw new RequestError(
    'ADAPTER_REFUSED',
    'hubs that share a journal do not change their adapters while they run: name the adapter in hms-sync.yaml of each hub, ' +
      'install its package there, and restart the hubs one after the other',
  );
}

function ofAdapters(request: DiscardDeliveriesRequest, adapters: readonly string[]): DiscardDeliveriesRequest {
  const filter = create(DeliveryFilterSchema, { ...request.filter, adapters: [...adapters] } as DeliveryFilter);
  return create(DiscardDeliveriesRequestSchema, { ...request, filter });
}

interface Asked {
  readonly rpc: LaneRpc;
  readonly adapter: string;
  readonly request: Message;
}

/** @throws {RequestError} what the owner throws; OWNER_UNAVAILABLE */
async function askOwner(cluster: Cluster, { rpc, adapter, request }: Asked, context: HandlerContext): Promise<Message> {
  const { input, output }: DescMethodUnary = AdminService.method[rpc];
  const ownership = cluster.ownerships.find((lane) => lane.adapter === adapter);
  const isHopeless = ownership?.kind === 'no_owner' && ownership.takenOverByMs === undefined;
  if (isHopeless) throw ownerUnavailable(cluster, adapter, { kind: 'not_begun' });
  const principal = callerOf(context.values).name;
  const command = { adapter, rpc, request: toBinary(input, request), principal };
  const outcome = await cluster.hubs.ask(command, context.signal);
  switch (outcome.kind) {
    case 'answered':
      return fromBinary(output, outcome.answer);
    case 'rejected':
      throw errorFromText(outcome.error);
    default:
      throwIfStopping(context.signal);
      throw ownerUnavailable(cluster, adapter, outcome);
  }
}

function ownerUnavailable(cluster: Cluster, adapter: string, { kind }: CommandOutcome): RequestError {
  const ownership = cluster.ownerships.find((lane) => lane.adapter === adapter);
  if (kind === 'unknown') {
    const message = `the hub that had ${adapter} ended before it answered, and whether this was done is unknown: look at it with hms-sync adapter show ${adapter}, then repeat it`;
    return new RequestError('OWNER_UNAVAILABLE', message);
  }
  if (ownership?.kind !== 'no_owner') {
    const owner = ownership?.owner ?? 'the hub';
    const message = `${owner} has ${adapter}, and did not begin this within 10 s; nothing was changed: look at hms-sync hub list, and repeat it`;
    return new RequestError('OWNER_UNAVAILABLE', message, { retryAfterMs: RETRY_AFTER_MS });
  }
  const { takenOverByMs } = ownership;
  const message = `${adapter} has ${whyNoOwner(ownership)}; nothing was changed: repeat it once a hub has it, which is shown by hms-sync health`;
  const retryAfterMs = takenOverByMs === undefined ? undefined : Math.max(RETRY_AFTER_MS, takenOverByMs - Date.now());
  return new RequestError('OWNER_UNAVAILABLE', message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

interface CarryOutOptions {
  readonly signal: AbortSignal;
  readonly onFault: (error: unknown) => void;
}

/** What another hub asks of this one. */
async function carryOut(
  own: AdminImpl,
  command: Command,
  { signal, onFault }: CarryOutOptions,
): Promise<CommandResult> {
  try {
    const rpc = [...OF_ONE_ADAPTER, 'discardDeliveries' as const].find((name) => name === command.rpc);
    if (rpc === undefined) {
      const message = `the hub that has ${command.adapter} is of another version, and does not know ${command.rpc}`;
      throw new RequestError('OWNER_UNAVAILABLE', message);
    }
    const method: DescMethodUnary = AdminService.method[rpc];
    const caller = { ...OPEN_PRINCIPAL, name: command.principal };
    const context = createHandlerContext({
      ...{ service: AdminService, method, protocolName: 'connect', requestMethod: 'POST', url: 'journal:' },
      requestSignal: signal,
      contextValues: createContextValues().set(CALLER, caller),
    });
    const answer = await implOf(own, rpc)(fromBinary(method.input, command.request), context);
    return { kind: 'answered', answer: toBinary(method.output, create(method.output, answer)) };
  } catch (error) {
    return { kind: 'rejected', error: errorToText(RequestError.of(error, onFault)) };
  }
}

type AnyImpl = (request: Message, context: HandlerContext) => Promise<Message>;

/** Of which messages, the name of the rpc says. */
function implOf(own: AdminImpl, rpc: LaneRpc): AnyImpl {
  return own[rpc] as unknown as AnyImpl;
}

type ErrorOnPaper = ConstructorParameters<typeof RequestError>[2] & Pick<RequestError, 'reason' | 'message'>;

function errorToText({ reason, message, fields, retryAfterMs, metadata }: RequestError): string {
  return JSON.stringify({ reason, message, fields, retryAfterMs, metadata });
}

function errorFromText(text: string): RequestError {
  const { reason, message, ...more } = JSON.parse(text) as ErrorOnPaper;
  // A hub of another version may know others.
  return new RequestError(Object.hasOwn(REQUEST_ERRORS, reason) ? reason : 'HUB_FAILED', message, more);
}
