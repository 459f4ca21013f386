import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CountDeliveriesRequest,
  type CountDeliveriesResponse,
  CountDeliveriesResponseSchema,
  type DeliveryFilter,
  DeliveryFilterSchema,
  DeliveryGrouping,
  type DiscardDeliveriesRequest,
  type DiscardDeliveriesResponse,
  DiscardDeliveriesResponseSchema,
  type ListDeliveriesRequest,
  type ListDeliveriesResponse,
  ListDeliveriesResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { DeliveryPosition } from '../../journal/delivery-page.ts';
import { DeliveryGroups } from '../../operations/delivery-groups.ts';
import type { DeliveryQuery, SeenDelivery, SeenState } from '../../operations/delivery-query.ts';
import { latestAck } from '../publishing/ack-message.ts';
import { invalidField } from '../request-error.ts';
import type { AdminCall } from './admin-deps.ts';
import { requireEvents, requireNamed, toQuery } from './admin-filter.ts';
import { toReason } from './admin-reason.ts';

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

/** What can still be discarded. */
const UNSETTLED: readonly SeenState[] = ['waiting', 'retrying', 'held', 'dead_lettered'];

export async function listDeliveries(
  deps: AdminCall,
  { filter, pageSize, pageToken }: ListDeliveriesRequest,
): Promise<ListDeliveriesResponse> {
  if (pageSize > PAGE_SIZE_MAX) throw invalidField('page_size', `must be at most ${PAGE_SIZE_MAX}`);
  const tokens = new PageTokens(deps.journal.info.id, filter);
  const after = pageToken === '' ? undefined : tokens.decode(pageToken);
  const query = await toQuery(filter, deps);
  // Who continues with a page has seen that it is there, or was.
  if (after === undefined) await requireEvents(filter, deps.journal);
  const { operations, acks, cursors } = deps;
  const { place } = acks;
  const { deliveries, next } = await operations.finder.page(query, { limit: pageSize || PAGE_SIZE_DEFAULT, after });
  return create(ListDeliveriesResponseSchema, {
    deliveries: deliveries.map((delivery) => ({
      latest: latestAck(delivery, { cursors, place }),
      type: delivery.type,
      key: delivery.key,
      acceptedTime: timestampFromMs(delivery.acceptedAtMs),
      reason: (delivery.state === 'discarded' && delivery.latest?.reason) || '',
    })),
    nextPageToken: next === undefined ? '' : tokens.encode(next),
  });
}

export async function discardDeliveries(
  deps: AdminCall,
  request: DiscardDeliveriesRequest,
  signal: AbortSignal,
): Promise<DiscardDeliveriesResponse> {
  const { query, reason } = await toDiscardQuery(deps, request);
  const { discards, finder } = deps.operations;
  if (request.dryRun) {
    // Attempts that run are among them.
    return create(DiscardDeliveriesResponseSchema, { discarded: BigInt(await finder.count(query, signal)) });
  }
  const discarded = await discards.run(query, reason, signal);
  deps.onChange({ change: 'discard', reason, deliveries: discarded });
  return create(DiscardDeliveriesResponseSchema, { discarded: BigInt(discarded) });
}

/** What is to be discarded, and why. @throws {RequestError} when it cannot be, or nothing is named */
export async function toDiscardQuery(
  deps: AdminCall,
  request: DiscardDeliveriesRequest,
): Promise<{ readonly query: DeliveryQuery; readonly reason: string }> {
  requireNamed(request.filter);
  const reason = toReason(request);
  const query = toDiscard(await toQuery(request.filter, deps));
  await requireEvents(request.filter, deps.journal);
  return { query, reason };
}

function toDiscard({ filter, states }: DeliveryQuery): DeliveryQuery {
  const open = states.filter((state) => UNSETTLED.includes(state));
  if (states.length > 0 && open.length === 0) {
    throw invalidField('filter.states', 'are all settled, and what is settled cannot be discarded');
  }
  return { filter, states: open };
}

const GROUPS_DEFAULT = 100;
const GROUPS_MAX = 1_000;

/** How many deliveries match, in all and by group; until the signal aborts. */
export async function countDeliveries(
  deps: AdminCall,
  { filter, groupBy, groupsMax }: CountDeliveriesRequest,
  signal: AbortSignal,
): Promise<CountDeliveriesResponse> {
  if (groupsMax > GROUPS_MAX) throw invalidField('groups_max', `must be at most ${GROUPS_MAX}`);
  const nameOf = groupName(groupBy, deps);
  const query = await toQuery(filter, deps);
  await requireEvents(filter, deps.journal);
  const { finder } = deps.operations;
  if (nameOf === undefined) {
    return create(CountDeliveriesResponseSchema, { deliveries: BigInt(await finder.count(query, signal)) });
  }
  const all = new DeliveryGroups();
  for await (const page of finder.pages(query, signal)) for (const delivery of page) all.add(nameOf(delivery));
  const groups = all.largest(groupsMax || GROUPS_DEFAULT);
  const named = groups.reduce((sum, { deliveries }) => sum + deliveries, 0);
  return create(CountDeliveriesResponseSchema, {
    deliveries: BigInt(all.deliveries),
    groups: groups.map(({ name, deliveries }) => ({ name, deliveries: BigInt(deliveries) })),
    others: BigInt(all.deliveries - named),
  });
}

/** What names the group of a delivery; undefined: they are not grouped. */
function groupName(
  groupBy: DeliveryGrouping,
  { cursors }: AdminCall,
): ((delivery: SeenDelivery) => string) | undefined {
  switch (groupBy) {
    case DeliveryGrouping.UNSPECIFIED:
      return undefined;
    case DeliveryGrouping.ADAPTER:
      return ({ adapter }) => adapter;
    case DeliveryGrouping.ERROR:
      return (delivery) => latestAck(delivery, { cursors, place: new Map() }).error?.code ?? '';
    case DeliveryGrouping.KEY:
      return ({ key }) => key;
    default:
      throw invalidField('group_by', `is ${groupBy satisfies never}, which this hub does not know`);
  }
}

/** Turns places in a list into the opaque page tokens of the contract, and back. A token goes with its filter. */
class PageTokens {
  readonly #journalId: string;
  readonly #filter: Uint8Array;

  /** @param journalId names the journal, so that a token of another one is recognised */
  constructor(journalId: string, filter: DeliveryFilter | undefined) {
    this.#journalId = journalId;
    this.#filter = filter === undefined ? new Uint8Array() : toBinary(DeliveryFilterSchema, filter);
  }

  encode({ seq, adapter }: DeliveryPosition): string {
    const place = `${seq} ${adapter}`;
    return Buffer.from(`${this.#mark(place)} ${place}`).toString('base64url');
  }

  /** @throws {RequestError} REQUEST_INVALID naming page_token */
  decode(token: string): DeliveryPosition {
    const text = Buffer.from(token, 'base64url').toString();
    const [, mark, seq = '', adapter = ''] = /^(\S+) (\d{1,15}) (\S+)$/.exec(text) ?? [];
    if (mark !== this.#mark(`${seq} ${adapter}`)) {
      throw invalidField('page_token', 'was not made by this hub for this filter; begin again without one');
    }
    return { seq: Number(seq), adapter };
  }

  /** No secret: it distinguishes a token that belongs here from one that was mixed up, not from one that was forged. */
  #mark(place: string): string {
    return createHash('sha256')
      .update(`${this.#journalId} ${place} `)
      .update(this.#filter)
      .digest('base64url')
      .slice(0, 12);
  }
}
