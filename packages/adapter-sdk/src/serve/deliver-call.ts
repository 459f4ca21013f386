import { create } from '@bufbuild/protobuf';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  type DeliverRequest,
  type DeliverResponse,
  DeliverResponseSchema,
  type Outcome as OutcomeMessage,
} from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import type { AdapterHost } from '../host/host.ts';
import { attemptFrom } from './attempt-message.ts';
import { outcomeMessage } from './outcome-message.ts';
import type { RunningAttempts } from './running-attempts.ts';

/** Twice the most attempts in flight (1,024), so that the hub never waits for credit. */
const CREDIT = 2_048;

/** The parts of one Deliver stream. */
export interface DeliverCallParts {
  readonly call: ServerDuplexStream<DeliverRequest, DeliverResponse>;
  readonly host: AdapterHost;
  readonly running: RunningAttempts;
}

/**
 * Serves one Deliver stream: grants credit, makes each attempt, and sends the outcomes of one turn of the event loop in one
 * message. When the caller disconnects, every attempt of the stream is aborted.
 */
export function serveDeliverCall({ call, host, running }: DeliverCallParts): void {
  const aborts = new Map<bigint, AbortController>();
  let outcomes: OutcomeMessage[] = [];
  let callerDone = false;

  const flush = () => {
    const sent = outcomes;
    outcomes = [];
    call.write(create(DeliverResponseSchema, { outcomes: sent, credit: sent.length }));
    if (callerDone && aborts.size === 0) call.end();
  };

  const attempt = async (message: DeliverRequest['deliveries'][number]) => {
    const abort = new AbortController();
    aborts.set(message.ref, abort);
    const outcome = await running.run(host, attemptFrom(message), abort.signal);
    aborts.delete(message.ref);
    if (call.cancelled) return;
    // setImmediate: one message for all attempts that settle in this turn.
    if (outcomes.length === 0) setImmediate(flush);
    outcomes.push(outcomeMessage(message.ref, outcome));
  };

  const abandon = () => {
    for (const abort of aborts.values()) abort.abort();
  };

  call.write(create(DeliverResponseSchema, { credit: CREDIT }));
  call.on('data', ({ deliveries, aborted }: DeliverRequest) => {
    for (const delivery of deliveries) void attempt(delivery);
    for (const ref of aborted) aborts.get(ref)?.abort();
  });
  call.on('end', () => {
    callerDone = true;
    if (aborts.size === 0 && outcomes.length === 0) call.end();
  });
  call.on('cancelled', abandon);
  // Without a listener, an error would end the process.
  call.on('error', abandon);
}
