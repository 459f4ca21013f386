import type { AcceptedEvent } from '../../src/core/event.ts';
import { type Call, type CallOf, LANE_LOST, type StoreAccept, type StoreAnswer } from '../../src/journal/calls.ts';
import type { CallName } from '../../src/journal/journal.ts';
import type { Changes, JournalModel, ModelDelivery } from './model.ts';

/** A call that a commit made true, with what the store answered. */
export interface Written {
  readonly call: Call;
  readonly answer: StoreAnswer<CallName>;
}

/** What a call changed, in the words of the model. */
export function applyCall(model: JournalModel, { call, answer }: Written, changes: Changes): void {
  switch (call.name) {
    case 'accept': {
      const event = acceptedEvent(model, call, answer as StoreAccept);
      if (event !== undefined) model.accept(event, changes);
      break;
    }
    case 'setReceivers':
      model.setReceivers(call.request);
      break;
    case 'openLane':
      model.openLane(call.request, (answer as StoreAnswer<'openLane'>).epoch, changes);
      break;
    case 'record':
      if (answer === LANE_LOST) changes.lost.push(call.request.record.adapter);
      else model.record(call.request, answer as number, changes);
      break;
    case 'giveBack':
      model.giveBack(call.request.adapter, call.request.seq, changes);
      break;
    case 'endWaits':
      model.endWaits(call.request.adapter, call.request.nowMs, changes);
      break;
    case 'discard':
      if ((answer as StoreAnswer<'discard'>).kind === 'discarded') model.discard(call.request, changes);
      break;
    case 'stepReplay': {
      const meant = replayed(model, call);
      const isSent = (answer as StoreAnswer<'stepReplay'>).job.sent > call.request.job.sent;
      const { job, atMs } = call.request;
      if (isSent && meant !== undefined) {
        const { adapter, event } = meant;
        model.reopen({ adapter, seq: event.seq, mayFollow: job.includeStale, atMs }, changes);
      }
      break;
    }
    default:
  }
}

/** The dead letter that a job of the simulation means: one of one event at one adapter. */
export function replayed(model: JournalModel, { request }: CallOf<'stepReplay'>): ModelDelivery | undefined {
  return model.matching({ ...request.job.filter, states: ['dead_lettered'] })[0];
}

function acceptedEvent(
  model: JournalModel,
  { request }: CallOf<'accept'>,
  answer: StoreAccept,
): AcceptedEvent | undefined {
  const seq = typeof answer === 'number' ? answer : answer.kind === 'held' ? answer.seq : undefined;
  if (seq === undefined) return undefined;
  const { event, publishedBy, acceptedAtMs } = request;
  return { ...event, seq, acceptedAtMs, publishedBy, adapters: model.receivers };
}
