import { create } from '@bufbuild/protobuf';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { type SyncEvent, SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type PublishStreamRequest,
  PublishStreamRequestSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type Percentiles, percentiles } from './percentiles.ts';

export interface PublishLoad {
  readonly address: string;
  /** Absent: without a credential. */
  readonly token?: string | undefined;
  readonly adapters: number;
  /** Events that are handed in and not delivered by every adapter. */
  readonly inFlight: number;
  readonly seconds: number;
  readonly payloadBytes: number;
  /** Called with the events of one message as it is written, and with each ack as it is read. */
  readonly onWritten?: (eventIds: readonly string[]) => void;
  readonly onAcks?: (acks: readonly Ack[]) => void;
}

export interface PublishFigures {
  readonly eventsPerSecond: number;
  /** From handing an event in until the last adapter's ack, in milliseconds. */
  readonly latencyMs: Percentiles;
  readonly events: number;
}

/** As many keys as a region has processes: enough that order is kept and seldom waited for. */
const KEYS = 10_000;
/** Small messages keep the first events moving while the later ones are still being made. */
const EVENTS_PER_MESSAGE = 128;

function asCaller({ token }: PublishLoad): Interceptor {
  return (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
}

/** Keeps a number of events in flight on one PublishStream, and measures the time until every adapter acknowledged. */
export async function publishLoad(load: PublishLoad): Promise<PublishFigures> {
  const client = createClient(
    SyncService,
    createGrpcTransport({ baseUrl: load.address, interceptors: [asCaller(load)] }),
  );
  const data = Buffer.from(`"${'a'.repeat(load.payloadBytes - 2)}"`);
  const open = new Map<string, { startedAtMs: number; pending: number }>();
  const latenciesMs: number[] = [];
  let made = 0;
  let wake: () => void = () => undefined;
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + load.seconds * 1_000;

  const nextEvent = (): SyncEvent => {
    const id = `bench-${process.pid}-${startedAtMs}-${made}`;
    made += 1;
    open.set(id, { startedAtMs: performance.now(), pending: load.adapters });
    const payload = { case: 'data', value: data } as const;
    return create(SyncEventSchema, { id, type: 'ProcessUpdated', key: `process-${made % KEYS}`, payload });
  };

  async function* requests(): AsyncGenerator<PublishStreamRequest> {
    while (performance.now() < endsAtMs) {
      const room = Math.min(load.inFlight - open.size, EVENTS_PER_MESSAGE);
      if (room > 0) {
        const events = Array.from({ length: room }, nextEvent);
        load.onWritten?.(events.map(({ id }) => id));
        yield create(PublishStreamRequestSchema, { events });
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  for await (const { results, acks } of client.publishStream(requests())) {
    const refused = results.find(({ result }) => result.case === 'refused');
    if (refused !== undefined) throw new Error(`an event was refused: ${JSON.stringify(refused.result.value)}`);
    load.onAcks?.(acks);
    for (const ack of acks) {
      // While the adapters start behind the open port, and that is not measured.
      if (ack.state === DeliveryState.HELD) continue;
      if (ack.state !== DeliveryState.DELIVERED) throw new Error(`unexpected ack: ${DeliveryState[ack.state]}`);
      const event = open.get(ack.eventId);
      if (event === undefined) throw new Error(`an ack came for ${ack.eventId}, which is settled or was never sent`);
      event.pending -= 1;
      if (event.pending > 0) continue;
      open.delete(ack.eventId);
      latenciesMs.push(performance.now() - event.startedAtMs);
    }
    wake();
  }
  if (open.size > 0) throw new Error(`${open.size} events were never acknowledged by all adapters`);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  return {
    eventsPerSecond: latenciesMs.length / seconds,
    latencyMs: percentiles(latenciesMs),
    events: latenciesMs.length,
  };
}
