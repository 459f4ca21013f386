import { canonicalJson, checkJson, isJsonContentType, JsonError, readJson } from '@hms-sync/proto/json';
import { CallerThrottled } from '../../access/caller-limits.ts';
import type { AcceptedEvent, EventIdentity, SyncEvent } from '../../core/event.ts';
import { checkEvent } from '../../core/event-rules.ts';
import type { AcceptResult, FullDisk, Journal } from '../../journal/journal.ts';
import { JournalError } from '../../journal/journal-error.ts';
import type { Positions } from '../../journal/positions.ts';
import { hubStopping, RESTART_MS } from '../hub-stop.ts';
import { invalidField, invalidFields, RequestError, type RequestErrorReason } from '../request-error.ts';
import { Admission } from './admission.ts';
import { contentHash } from './content-hash.ts';
import { type PublishedEvent, toSyncEvent } from './event-message.ts';
import { sourceName } from './found-event.ts';

/** An event that is on disk, by this request or by an earlier one with the same id, source and content. */
export interface Acceptance {
  readonly event: AcceptedEvent;
  readonly duplicate: boolean;
  /** Every record of the event comes after this place. */
  readonly place: Positions;
  /** The adapters at which an earlier delivery of its key waits; of a duplicate that is read with it. */
  readonly heldByKey: readonly string[];
}

/** What a publisher should know about who gets the event, a sentence each; empty when all is well. */
export function recipientWarnings({ event }: Acceptance): readonly string[] {
  if (event.adapters.length > 0) return [];
  return [
    'the hub has no adapters: it keeps this event and delivers it to nobody, not to one that is added later either',
  ];
}

export interface IntakeOptions {
  readonly journal: Pick<Journal, 'accept' | 'readEvent'>;
  /** The place after the newest record that was reported. */
  readonly place: () => Positions;
  readonly eventBytesMax: number;
  readonly wallMs: () => number;
  /** Called when a new event is on disk, and when one was refused: for the log. */
  readonly onAccepted?: () => void;
  readonly onRejected?: (reason: RequestErrorReason) => void;
  /** The hub's monotonic clock. */
  readonly nowMs: () => number;
  /** Default: one by the computer's clock. */
  readonly admission?: Admission;
}

/** An operator has to free a full disk. */
const FULL_RETRY_MS = 30_000;

/** The one door through which events come in, whatever they were published by. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #admission: Admission;
  readonly #nowMs: () => number;
  #stopping = false;
  /** Until one is accepted again, but no longer than callers were asked to wait: with a hub that is not ready nobody
   * would ever try. */
  #fullUntilMs = Number.NEGATIVE_INFINITY;
  #fullBecause = '';

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs;
    this.#admission = options.admission ?? new Admission({ nowMs: this.#nowMs, random: Math.random });
  }

  /** Refuses everything from now on. */
  stop(): void {
    this.#stopping = true;
  }

  /** Why events are not accepted; empty when they are. */
  get notAcceptingReason(): string {
    if (this.#stopping) return 'the hub is stopping';
    return this.#nowMs() < this.#fullUntilMs ? this.#fullBecause : this.#admission.closedBecause;
  }

  /**
   * Accepts one event. Events go to the journal in the order of the calls: nothing is awaited before.
   *
   * @param publishedBy see AcceptedEvent
   * @throws {RequestError} and then nothing was written, except with JOURNAL_FAILED, where that is unknown
   */
  async accept(published: PublishedEvent | undefined, publishedBy = ''): Promise<Acceptance> {
    try {
      const acceptance = await this.#accept(published, publishedBy);
      if (!acceptance.duplicate) this.#options.onAccepted?.();
      return acceptance;
    } catch (error) {
      if (error instanceof RequestError) this.#options.onRejected?.(error.reason);
      throw error;
    }
  }

  /** Counts what its publisher may not publish among the refused. @throws what `check` throws */
  refusing<Result>(check: () => Result): Result {
    try {
      return check();
    } catch (error) {
      if (error instanceof RequestError) this.#options.onRejected?.(error.reason);
      if (error instanceof CallerThrottled) this.#options.onRejected?.('CALLER_THROTTLED');
      throw error;
    }
  }

  async #accept(published: PublishedEvent | undefined, publishedBy: string): Promise<Acceptance> {
    if (this.#stopping) throw hubStopping('the hub is stopping; publish again with the same id');
    const { eventBytesMax, wallMs, place } = this.#options;
    const acceptedAtMs = wallMs();
    const { event, timeMs } = toSyncEvent(published, acceptedAtMs);
    this.#check(event, eventBytesMax);
    if (published?.payload.case === 'data') checkJsonData(event);
    const answered = this.#admission.enter(event.data.byteLength);
    const before = place();
    const result = await this.#write(event, { timeMs, publishedBy, acceptedAtMs })
      .catch(rejectFailed)
      .finally(answered);
    // A duplicate or a conflict needs no room and says nothing about it.
    if (result.kind === 'full') {
      this.#fullUntilMs = this.#nowMs() + FULL_RETRY_MS;
      this.#fullBecause = fullReason(result);
    }
    if (result.kind === 'accepted') this.#fullUntilMs = Number.NEGATIVE_INFINITY;
    return toAcceptance(result, event, before);
  }

  /**
   * The journal compares content by its bytes, which costs nothing; only when they differ is it looked at what they say:
   * the same JSON may be written in other ways.
   */
  async #write(event: SyncEvent, { timeMs, publishedBy, acceptedAtMs }: Written): Promise<AcceptResult> {
    const { journal } = this.#options;
    const accept = (written: SyncEvent) =>
      journal.accept({
        event: written,
        contentHash: contentHash(written, timeMs),
        publishedBy,
        acceptedAtMs,
        nowMs: this.#nowMs(),
      });
    const result = await accept(event);
    if (result.kind !== 'conflict') return result;
    const { id, source } = event;
    const stored = await journal.readEvent({ id, source });
    if (stored.kind !== 'found' || !saysTheSame(stored.event, event)) return result;
    return accept({ ...event, data: stored.event.data });
  }

  #check(event: Parameters<typeof checkEvent>[0], eventBytesMax: number): void {
    const fields = checkEvent(event).map(({ field, description }) => ({ field: `event.${field}`, description }));
    if (fields.length > 0) throw invalidFields(fields, 'EVENT_INVALID');
    if (event.data.byteLength > eventBytesMax) {
      const description = `is ${event.data.byteLength} bytes, at most ${eventBytesMax} are taken; publish a reference to it instead`;
      throw invalidField('event.data', description, 'EVENT_TOO_LARGE');
    }
  }
}

interface Written {
  /** The time as published. */
  readonly timeMs: number | undefined;
  readonly publishedBy: string;
  readonly acceptedAtMs: number;
}

/** @param before the place after the newest record when it was asked for */
function toAcceptance(result: AcceptResult, { id, source }: EventIdentity, before: Positions): Acceptance {
  switch (result.kind) {
    case 'accepted':
      return { event: result.event, duplicate: false, place: before, heldByKey: result.heldByKey };
    case 'duplicate':
      return { event: result.event, duplicate: true, place: placeBefore(result, before), heldByKey: [] };
    case 'conflict':
      throw new RequestError(
        'EVENT_ID_CONFLICT',
        `the id ${id} of ${sourceName(source)} was accepted before with other content; a changed event needs an id of its own`,
        { fields: [{ field: 'event.id', description: 'was accepted before from this source with other content' }] },
      );
    case 'full':
      throw new RequestError(
        'JOURNAL_FULL',
        `${fullReason(result)}; publish again with the same id once there is room`,
        {
          retryAfterMs: FULL_RETRY_MS,
        },
      );
    default:
      return result satisfies never;
  }
}

/** Of the lanes of the event right before its first records, of the others the newest place. */
function placeBefore({ event, before }: AcceptResult & { kind: 'duplicate' }, newest: Positions): Positions {
  const place = new Map(newest);
  for (const adapter of event.adapters) {
    const position = Math.min(place.get(adapter) ?? 0, before.get(adapter) ?? 0);
    if (position > 0) place.set(adapter, position);
    else place.delete(adapter);
  }
  return place;
}

function rejectFailed(error: unknown): never {
  if (!(error instanceof JournalError)) throw error;
  throw new RequestError(
    'JOURNAL_FAILED',
    'the hub could not write; whether the event was accepted is unknown: publish again with the same id',
    { retryAfterMs: RESTART_MS },
  );
}

/** Why the hub accepts no new events, with the numbers, and what an operator can do. */
function fullReason({ freeBytes, reserveBytes }: FullDisk): string {
  const free = `${inMebibytes(freeBytes)} are free on the disk of the hub's data folder`;
  if (freeBytes >= reserveBytes) return `no more can be written, though ${free}: look for a quota`;
  return `${free}, and diskReserve keeps ${inMebibytes(reserveBytes)} for events that were accepted before: make room there, or set a smaller diskReserve`;
}

function inMebibytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return `${Number.isInteger(mebibytes) ? mebibytes : mebibytes.toFixed(1)} MiB`;
}

/**
 * Data that calls itself JSON, or has no content type, must be JSON: no adapter could read it otherwise, and each would
 * make a dead letter of it. It is carried as it came all the same.
 *
 * @throws {RequestError} EVENT_INVALID
 */
function checkJsonData({ data, dataContentType }: Pick<SyncEvent, 'data' | 'dataContentType'>): void {
  if (data.byteLength === 0 || !isJsonContentType(dataContentType)) return;
  try {
    checkJson(data);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const other = '; of what is not JSON, say the media type in event.data_content_type';
    const description = `${error.message}${error.code === 'not_text' || error.code === 'not_json' ? other : ''}`;
    throw invalidField('event.data', description, 'EVENT_INVALID');
  }
}

/** Whether the data of two events is JSON of the same value: whitespace, the order of members, 1.0 and 1 do not matter. */
function saysTheSame(one: SyncEvent, other: SyncEvent): boolean {
  const isJson = isJsonContentType(one.dataContentType) && isJsonContentType(other.dataContentType);
  if (!isJson) return false;
  const said = canonical(one.data);
  return said !== undefined && said === canonical(other.data);
}

/** Undefined for what is not JSON; a hub before this one may have taken some. */
function canonical(data: Uint8Array): string | undefined {
  try {
    return canonicalJson(readJson(data).value);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
