import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import { expect } from 'vitest';
import { present, type SyncClient } from '../sync-client.ts';

/** What was said of an event. A field that is absent may be anything. */
export interface SaidEvent {
  readonly id?: string | undefined;
  readonly source?: string | undefined;
  readonly type: string;
  readonly key?: string | undefined;
  /** Undefined: the hub fills it in. */
  readonly timeMs?: number | undefined;
  readonly payload: { readonly json: unknown } | { readonly bytes: Uint8Array };
  readonly contentType?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** Fails unless what the hub accepted under the id is what was said. */
export async function expectKept(client: SyncClient, id: string, said: SaidEvent): Promise<void> {
  // Other cases may have used the id, in the name of other sources.
  const event = present((await client.getEvent(id, said.source ?? '')).event);
  if (said.id !== undefined && said.id !== '') expect(event.id).toBe(said.id);
  for (const field of ['source', 'type', 'key'] as const) {
    if (said[field] !== undefined) expect(event[field]).toBe(said[field]);
  }
  if (said.timeMs !== undefined) expect(timestampMs(present(event.time))).toBe(Math.floor(said.timeMs));
  if (said.contentType !== undefined) expect(event.dataContentType).toBe(said.contentType);
  if (said.attributes !== undefined) expect(event.attributes).toEqual(said.attributes);
  const bytes = event.payload.case === 'data' ? event.payload.value : new Uint8Array(0);
  if ('bytes' in said.payload) expect(Buffer.from(bytes)).toEqual(Buffer.from(said.payload.bytes));
  else expect(isSameJson(JSON.parse(Buffer.from(bytes).toString()), said.payload.json)).toBe(true);
}

/** What a message of the contract says. */
export function saidBy({ id, source, type, key, time, payload, dataContentType, attributes }: SyncEvent): SaidEvent {
  return {
    ...{ id, source, type, key, attributes },
    contentType: dataContentType === '' ? 'application/json' : dataContentType,
    timeMs: time && Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1e6),
    payload:
      payload.case === 'json' ? { json: payload.value satisfies JsonObject } : { bytes: payload.value ?? Buffer.of() },
  };
}

/** -0 is 0, and may be carried as either. */
function isSameJson(kept: unknown, said: unknown): boolean {
  const written = [kept, said].map((value): unknown => JSON.parse(JSON.stringify(value)));
  return isDeepStrictEqual(written[0], written[1]);
}
