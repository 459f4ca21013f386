import { readUtf8 } from '@hms-sync/proto/json';
import { InvalidEvent } from './adapter-error.ts';

/** The fields of a published event. Bounds are those of `hms.sync.v1.SyncEvent`. */
export interface EventFields {
  /** Its id: 1 to 128 visible ASCII characters. */
  readonly id: string;
  /** Who published it; empty when unknown. */
  readonly source: string;
  /** What kind of change it is, such as `ProcessUpdated`. Never empty. */
  readonly type: string;
  /** The thing that changed. Empty: the event has no order. */
  readonly key: string;
  /** When the change happened. */
  readonly time: Date;
  /** The payload, as the bytes that were published. Empty: none. Do not write into it. */
  readonly data: Uint8Array;
  /** Its media type. Empty: `application/json`. */
  readonly dataContentType: string;
  /** Attributes of the event, such as `traceparent`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** An event, as `push` gets it. */
export interface AdapterEvent extends EventFields {
  /**
   * The payload, parsed as JSON whatever its content type. Parsed once: each call returns the same value, so do not modify
   * it. Numbers become doubles: 9007199254740993 is rounded. To send the payload on as JSON, use `data` or `eventAsJson`,
   * which keep the published text.
   *
   * @throws InvalidEvent when there is no data, or when it is not UTF-8 or not JSON.
   */
  json(): unknown;
}

/** Creates an event from its fields, for tests of adapters. */
export function adapterEvent(fields: EventFields): AdapterEvent {
  return new ReceivedEvent(fields);
}

class ReceivedEvent implements AdapterEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time: Date;
  readonly data: Uint8Array;
  readonly dataContentType: string;
  readonly attributes: Readonly<Record<string, string>>;
  #parsed: { readonly value: unknown } | undefined;

  constructor(fields: EventFields) {
    this.id = fields.id;
    this.source = fields.source;
    this.type = fields.type;
    this.key = fields.key;
    this.time = fields.time;
    this.data = fields.data;
    this.dataContentType = fields.dataContentType;
    this.attributes = fields.attributes;
  }

  json(): unknown {
    this.#parsed ??= { value: parse(this.data) };
    return this.#parsed.value;
  }
}

function parse(data: Uint8Array): unknown {
  if (data.byteLength === 0) throw new InvalidEvent('the event has no data; the adapter requires JSON');
  try {
    return JSON.parse(readUtf8(data));
  } catch {
    // Not kept as the cause: a SyntaxError of JSON.parse quotes the payload.
    throw new InvalidEvent(`the event's data is not JSON (${data.byteLength} bytes); publish valid UTF-8 JSON`);
  }
}
