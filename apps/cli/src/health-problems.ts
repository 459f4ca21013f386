import { AdapterState, BreakerState, type Health } from '@hms-sync/proto/hms/sync/v1/health_service';
import { commandLine, hubText } from './advice.ts';
import { printable } from './terminal.ts';
import { enumName } from './words.ts';

/**
 * What is not well at this moment, a sentence each; empty when all is. Dead letters are left out: they are of the past,
 * and wait for an operator however well all is by now.
 */
export function healthProblems({ hub, adapters }: Health, address?: string): string[] {
  return [
    ...(hub?.accepting === true ? [] : [`the hub accepts no events: ${printable(hub?.notAcceptingReason ?? '')}`]),
    ...(hub?.warnings ?? []).map((warning) => hubText(warning, address)),
    // A hub of an earlier version has no warnings.
    ...(adapters.length === 0 && !hub?.warnings.length
      ? ['there are no adapters: events are accepted for nobody']
      : []),
    ...adapters.flatMap(({ id, waitingBehindDeadLetters: held }) =>
      held > 0n ? [`${printable(id)}: ${heldInWords(held, address)}`] : [],
    ),
    ...adapters.flatMap(({ id, state, reason, breaker }) => {
      const name = printable(id);
      const why = reason === '' ? '' : `: ${hubText(reason, address)}`;
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
export function heldInWords(held: bigint, address: string | undefined): string {
  const who = held === 1n ? '1 delivery waits' : `${held} deliveries wait`;
  return `${who} behind a dead letter of the same key; replay or discard that: ${commandLine(['deliveries', '--state', 'dead-lettered'], address)}`;
}
