import { create } from '@bufbuild/protobuf';
import {
  type CountDeliveriesRequest,
  type CountDeliveriesResponse,
  CountDeliveriesResponseSchema,
  DeliveryGrouping,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { DeliveryGroups } from '../../operations/delivery-groups.ts';
import type { SeenDelivery } from '../../operations/delivery-query.ts';
import { latestAck } from '../publishing/ack-message.ts';
import { wrongField } from '../refusal.ts';
import type { AdminDeliveriesOptions } from './admin-deliveries.ts';
import { requireEvents, toQuery } from './admin-filter.ts';

const GROUPS_DEFAULT = 100;
const GROUPS_MAX = 1_000;

/** How many deliveries match, in all and by group; until the signal aborts. */
export async function countDeliveries(
  options: AdminDeliveriesOptions,
  { filter, groupBy, groupsMax }: CountDeliveriesRequest,
  signal: AbortSignal,
): Promise<CountDeliveriesResponse> {
  if (groupsMax > GROUPS_MAX) throw wrongField('groups_max', `must be at most ${GROUPS_MAX}`);
  const nameOf = groupName(groupBy, options);
  const query = await toQuery(filter, options);
  await requireEvents(filter, options.journal);
  const { finder } = options;
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
  { cursors }: AdminDeliveriesOptions,
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
      throw wrongField('group_by', `is ${groupBy satisfies never}, which this hub does not know`);
  }
}
