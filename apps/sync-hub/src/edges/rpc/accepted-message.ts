import { create } from '@bufbuild/protobuf';
import { type Accepted, AcceptedSchema, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Until } from '../../acks/progress.ts';
import type { Cursors } from '../cursor.ts';
import type { Intaken } from '../intake.ts';
import { recipientWarnings } from '../recipients.ts';

/** The first thing that a publisher is told. */
export function toAccepted({ event, duplicate, lastCursor }: Intaken, cursors: Cursors): Accepted {
  const { id: eventId, adapters } = event;
  const warnings = [...recipientWarnings(adapters)];
  const cursor = cursors.encode(lastCursor);
  return create(AcceptedSchema, { eventId, adapters: [...adapters], duplicate, cursor, warnings });
}

/** How long a publisher wants to be told. */
export function toUntil(until: PublishUntil): Until {
  switch (until) {
    case PublishUntil.ACCEPTED:
      return 'accepted';
    case PublishUntil.FIRST_ATTEMPT:
      return 'first_attempt';
    // An unknown number comes from a newer caller; the default is the safest reading.
    default:
      return 'settled';
  }
}
