import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { type Accepted, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { HubClient } from './hub-client.ts';

// A restart takes a second or two; a hub that is away for 30 s needs an operator.
const RECONNECT_FIRST_DELAY_MS = 100;
const RECONNECT_MAX_DELAY_MS = 2_000;
const RECONNECT_LIMIT_MS = 30_000;

/** The acceptance of a published event, or one of its acks. */
export type PublishStep = { kind: 'accepted'; accepted: Accepted } | { kind: 'ack'; ack: Ack };

/** Options of a feed. */
export interface FeedOptions {
  /** Ends the feed with an AbortError. */
  signal?: AbortSignal;
  /** Called when the connection is lost, before the feed is resumed. */
  onLost?: (error: ConnectError) => void;
}

/** Which acks to follow. */
export interface AckSelection {
  /** Only acks of these events, until all are terminal. Empty: all acks, without end. */
  eventIds: readonly string[];
  /** The source of these events. Absent: any. */
  source?: string | undefined;
  /** Start after this position. Empty: see WatchAcksRequest. */
  cursor: string;
}

/**
 * Publishes an event and yields each step. If the stream is lost after the acceptance, it resumes from the cursor, without
 * gap or repeat.
 *
 * @throws ConnectError when the event was rejected, or the hub did not respond
 */
export async function* publishAndFollow(
  hub: HubClient,
  event: MessageInitShape<typeof SyncEventSchema>,
  { until, ...options }: FeedOptions & { until: PublishUntil },
): AsyncGenerator<PublishStep> {
  const unfinished = new Set<string>();
  let accepted: Accepted | undefined;
  let cursor = '';
  try {
    for await (const { result } of hub.sync.publish({ event, until }, callOptions(options.signal))) {
      if (result.case === 'accepted') {
        accepted = result.value;
        cursor = accepted.cursor;
        for (const adapter of accepted.adapters) unfinished.add(adapter);
        yield { kind: 'accepted', accepted };
      } else if (result.case === 'ack') {
        cursor = result.value.cursor || cursor;
        if (isLastStep(result.value, until)) unfinished.delete(result.value.adapter);
        yield { kind: 'ack', ack: result.value };
      }
    }
    if (accepted === undefined) throw new ConnectError('the hub ended the stream without a response', Code.Unavailable);
  } catch (error) {
    if (accepted === undefined || !isLost(error, options.signal)) throw error;
    options.onLost?.(ConnectError.from(error));
  }

  // The stream was lost, or the hub is shutting down: WatchAcks returns the missing acks.
  if (until === PublishUntil.ACCEPTED || unfinished.size === 0) return;
  const selection = { eventIds: [accepted.eventId], source: accepted.source, cursor };
  for await (const ack of followAcks(hub, selection, { ...options, resumes: true })) {
    yield { kind: 'ack', ack };
    if (isLastStep(ack, until)) unfinished.delete(ack.adapter);
    if (unfinished.size === 0) return;
  }
}

/**
 * Yields acks, and resumes from the cursor each time the stream is lost.
 *
 * @param options with `resumes`, a failed first call is retried too
 * @throws ConnectError when the first call fails, the hub rejects the selection, or it is unreachable for 30 s
 */
export async function* followAcks(
  hub: HubClient,
  selection: AckSelection,
  options: FeedOptions & { resumes?: boolean },
): AsyncGenerator<Ack, void> {
  let { cursor } = selection;
  let isConnected = options.resumes === true;
  let delayMs = RECONNECT_FIRST_DELAY_MS;
  let lostAtMs: number | undefined;
  for (;;) {
    try {
      const { source } = selection;
      const request = { eventIds: [...selection.eventIds], cursor, ...(source !== undefined && { source }) };
      for await (const message of hub.sync.watchAcks(request, callOptions(options.signal))) {
        isConnected = true;
        lostAtMs = undefined;
        delayMs = RECONNECT_FIRST_DELAY_MS;
        for (const ack of message.acks) {
          cursor = ack.cursor || cursor;
          yield ack;
        }
        cursor = message.cursor || cursor;
      }
      // A watch of all events ends only when the hub shuts down.
      if (selection.eventIds.length > 0) return;
    } catch (error) {
      if (!isConnected || !isLost(error, options.signal)) throw error;
      lostAtMs ??= performance.now();
      if (performance.now() - lostAtMs > RECONNECT_LIMIT_MS) throw error;
      options.onLost?.(ConnectError.from(error));
    }
    await sleep(delayMs, undefined, callOptions(options.signal));
    delayMs = Math.min(RECONNECT_MAX_DELAY_MS, delayMs * 2);
  }
}

/** True when no further ack follows in this replay cycle. */
export function isTerminal(state: DeliveryState): boolean {
  return (
    state === DeliveryState.DELIVERED ||
    state === DeliveryState.SKIPPED ||
    state === DeliveryState.DEAD_LETTERED ||
    state === DeliveryState.DISCARDED
  );
}

function isLastStep(ack: Ack, until: PublishUntil): boolean {
  return isTerminal(ack.state) || (until === PublishUntil.FIRST_ATTEMPT && ack.attempt > 0);
}

/** True when the stream broke; false when the hub rejected the request or this command aborted it. */
function isLost(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted) return false;
  switch (ConnectError.from(error).code) {
    case Code.Unavailable:
    case Code.Canceled:
    // READER_TOO_SLOW: the hub ended the stream because this command read too slowly.
    case Code.Aborted:
    // A connection that breaks within a message.
    case Code.Internal:
    case Code.Unknown:
      return true;
    default:
      return false;
  }
}

function callOptions(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
