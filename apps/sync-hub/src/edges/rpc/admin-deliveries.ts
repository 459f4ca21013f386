import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type DiscardDeliveriesRequest,
  type DiscardDeliveriesResponse,
  DiscardDeliveriesResponseSchema,
  type ListDeliveriesRequest,
  type ListDeliveriesResponse,
  ListDeliveriesResponseSchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import type { Acks } from '../../acks/acks.ts';
import type { Journal } from '../../journal/journal.ts';
import type { DeliveryFinder, DeliveryQuery, SeenState } from '../../operations/delivery-query.ts';
import type { Discards } from '../../operations/discards.ts';
import type { OperatorChange } from '../../operations/operator-change.ts';
import type { Cursors } from '../cursor.ts';
import { latestAck } from '../publishing/ack-message.ts';
import { wrongField } from '../refusal.ts';
import { type AdapterIdsOptions, requireEvents, requireNamed, toQuery } from './admin-filter.ts';
import { PageTokens } from './admin-page-token.ts';
import { toReason } from './admin-reason.ts';

export interface AdminDeliveriesOptions extends AdapterIdsOptions {
  readonly journal: Pick<Journal, 'readStatistics' | 'readEvent'>;
  readonly acks: Pick<Acks, 'place'>;
  readonly finder: DeliveryFinder;
  readonly discards: Discards;
  readonly cursors: Cursors;
  readonly journalId: string;
  readonly onChange: (change: OperatorChange) => void;
}

const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

/** What can still be discarded. */
const UNSETTLED: readonly SeenState[] = ['waiting', 'retrying', 'held', 'dead_lettered'];

export async function listDeliveries(
  options: AdminDeliveriesOptions,
  { filter, pageSize, pageToken }: ListDeliveriesRequest,
): Promise<ListDeliveriesResponse> {
  if (pageSize > PAGE_SIZE_MAX) throw wrongField('page_size', `must be at most ${PAGE_SIZE_MAX}`);
  const tokens = new PageTokens(options.journalId, filter);
  const after = pageToken === '' ? undefined : tokens.decode(pageToken);
  const query = await toQuery(filter, options);
  // Who continues with a page has seen that it is there, or was.
  if (after === undefined) await requireEvents(filter, options.journal);
  const { finder, cursors } = options;
  const { place } = options.acks;
  const { deliveries, next } = await finder.page(query, { limit: pageSize || PAGE_SIZE_DEFAULT, after });
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
  options: AdminDeliveriesOptions,
  request: DiscardDeliveriesRequest,
  signal: AbortSignal,
): Promise<DiscardDeliveriesResponse> {
  requireNamed(request.filter);
  const reason = toReason(request);
  const query = toDiscard(await toQuery(request.filter, options));
  await requireEvents(request.filter, options.journal);
  const { discards, onChange } = options;
  if (request.dryRun) {
    return create(DiscardDeliveriesResponseSchema, { discarded: BigInt(await discards.count(query, signal)) });
  }
  const discarded = await discards.run(query, reason, signal);
  onChange({ change: 'discard', reason, deliveries: discarded });
  return create(DiscardDeliveriesResponseSchema, { discarded: BigInt(discarded) });
}

function toDiscard({ filter, states }: DeliveryQuery): DeliveryQuery {
  const open = states.filter((state) => UNSETTLED.includes(state));
  if (states.length > 0 && open.length === 0) {
    throw wrongField('filter.states', 'are all settled, and what is settled cannot be discarded');
  }
  return { filter, states: open };
}
