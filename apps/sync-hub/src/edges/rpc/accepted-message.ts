import { create } from '@bufbuild/protobuf';
import { type Accepted, AcceptedSchema, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { Until } from '../../acks/progress.ts';
import type { Cursors } from '../cursor.ts';
import { type Acceptance, recipientWarnings } from '../publishing/intake.ts';

/** The first message that a publisher gets. */
export function toAccepted(acceptance: Acceptance, cursors: Cursors): Accepted {
  const { event, duplicate, place } = acceptance;
  const { id: eventId, source, adapters } = event;
  const warnings = [...recipientWarnings(acceptance)];
  const cursor = cursors.encode(place);
  return create(AcceptedSchema, { eventId, source, adapters: [...adapters], duplicate, cursor, warnings });
}

/** Until when a publisher wants updates. */
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
