import { Refusal } from '../refusal.ts';

/** A message of a stream holds more events than are taken. */
export function tooMany(count: number, most: number): Refusal {
  const description = `holds ${count}, at most ${most} are taken in one message; send them in several`;
  return new Refusal('REQUEST_INVALID', `events ${description}`, { fields: [{ field: 'events', description }] });
}

/** What a stream had to tell was not read in time. @param cursor where to go on */
export function tooSlow(cursor: string): Refusal {
  const message = `results and acks were not read in time; publish what has no result again, and watch acks from the cursor ${cursor}`;
  return new Refusal('READER_TOO_SLOW', message, { metadata: { cursor } });
}
