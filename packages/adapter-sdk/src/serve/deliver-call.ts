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

/** Twice what a hub has in flight for one adapter at the most (1,024), so that credit never makes it wait. */
const CREDIT = 2_048;

/** What one Deliver stream works with. */
export interface DeliverCallParts {
  readonly call: ServerDuplexStream<DeliverRequest, DeliverResponse>;
  readonly host: AdapterHost;
  readonly running: RunningAttempts;
}

/**
 * Serves one Deliver stream: gives credit, makes each attempt, and answers with the outcomes of one turn of the event
 * loop in one message. When the caller is gone, every attempt of the stream is asked to stop.
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
    // Once the turn's other attempts have settled too: one message for all of them.
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
  // A stream that breaks is reported as cancelled too; without a listener Node would end the process for it.
  call.on('error', abandon);
}
