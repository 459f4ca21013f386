import { Refusal } from '../refusal.ts';

/** @returns the refusal EVENT_NOT_FOUND, which names the id */
export function unknownEvent(id: string): Refusal {
  return new Refusal(
    'EVENT_NOT_FOUND',
    `no event has the id ${JSON.stringify(id.slice(0, 128))}, or it is past retention`,
  );
}
