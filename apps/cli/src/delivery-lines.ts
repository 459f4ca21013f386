import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { ListedDelivery } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { ackJson } from './ack-json.ts';
import { detail, lastError, standingDetail, stateTone } from './ack-line.ts';
import { tableLines } from './table.ts';
import { type Printer, printable } from './terminal.ts';
import { enumName, isoTime, timeInWords } from './words.ts';

/**
 * Deliveries for people, one a line. Their sources are shown where there are several: an id alone then names no event.
 *
 * @param nowMs what is due is told against it, in ms since 1970
 */
export function deliveryLines(printer: Printer, deliveries: readonly ListedDelivery[], nowMs: number): string[] {
  const showsSource = new Set(deliveries.map(({ latest }) => latest?.source)).size > 1;
  return tableLines(
    ['STATE', 'ADAPTER', 'EVENT', ...(showsSource ? ['SOURCE'] : []), 'KEY', 'ACCEPTED', 'ATTEMPT', 'WHY'],
    deliveries.map((delivery) => {
      const state = delivery.latest?.state ?? DeliveryState.UNSPECIFIED;
      return [
        printer.paint(stateTone(state), enumName(DeliveryState, state)),
        printable(delivery.latest?.adapter ?? ''),
        printable(delivery.latest?.eventId ?? ''),
        ...(showsSource ? [printable(delivery.latest?.source ?? '') || '-'] : []),
        printable(delivery.key) || '-',
        timeInWords(delivery.acceptedTime),
        attempt(delivery),
        why(delivery, nowMs),
      ];
    }),
    printer.columns,
  );
}

/** A delivery as one JSON object. */
export function deliveryJson({ latest, type, key, acceptedTime, reason }: ListedDelivery): Record<string, unknown> {
  return {
    ...(latest && ackJson(latest)),
    type,
    key: key || undefined,
    accepted_time: isoTime(acceptedTime),
    reason: reason || undefined,
  };
}

/** A number alone in the first cycle; "2.1" is the first attempt after a replay. */
function attempt({ latest }: ListedDelivery): string {
  if (latest === undefined) return '-';
  return latest.cycle > 1 ? `${latest.cycle}.${latest.attempt}` : String(latest.attempt);
}

function why({ latest, reason }: ListedDelivery, nowMs: number): string {
  if (latest === undefined) return '';
  switch (latest.state) {
    case DeliveryState.WAITING:
      return 'its turn comes';
    case DeliveryState.HELD:
      return latest.error === undefined ? detail(latest) : `${detail(latest)}; last ${lastError(latest)}`;
    case DeliveryState.DISCARDED:
      return reason === '' ? detail(latest) : `${detail(latest)}: ${printable(reason)}`;
    default:
      return standingDetail(latest, nowMs);
  }
}
