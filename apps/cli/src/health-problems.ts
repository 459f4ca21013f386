import { AdapterState, BreakerState, type Health } from '@hms-sync/proto/hms/sync/v1/health_service';
import { printable } from './terminal.ts';
import { enumName } from './words.ts';

/**
 * What is not well at this moment, a sentence each; empty when all is. Dead letters are left out: they are of the past,
 * and wait for an operator however well all is by now.
 */
export function healthProblems({ hub, adapters }: Health): string[] {
  return [
    ...(hub?.accepting === true ? [] : [`the hub accepts no events: ${printable(hub?.notAcceptingReason ?? '')}`]),
    ...(hub?.warnings ?? []).map(printable),
    // A hub of an earlier version has no warnings.
    ...(adapters.length === 0 && !hub?.warnings.length
      ? ['there are no adapters: events are accepted for nobody']
      : []),
    ...adapters.flatMap(({ id, waitingBehindDeadLetters: held }) =>
      held > 0n ? [`${printable(id)}: ${heldInWords(held)}`] : [],
    ),
    ...adapters.flatMap(({ id, state, reason, breaker }) => {
      const name = printable(id);
      const why = reason === '' ? '' : `: ${printable(reason)}`;
      const isOpen = breaker !== undefined && breaker.state !== BreakerState.CLOSED;
      return [
        ...(state === AdapterState.READY ? [] : [`${name} is ${enumName(AdapterState, state)}${why}`]),
        ...(isOpen
          ? [`${name}: its breaker is ${enumName(BreakerState, breaker.state)}: ${printable(breaker.cause)}`]
          : []),
      ];
    }),
  ];
}

/** Of deliveries that wait for an operator, though they are no dead letters themselves. */
export function heldInWords(held: bigint): string {
  const who = held === 1n ? '1 delivery waits' : `${held} deliveries wait`;
  return `${who} behind a dead letter of the same key; replay or discard that: hms-sync deliveries --state dead-lettered`;
}
