import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { StatusSchema } from '@hms-sync/proto/google/rpc/status';

/** One of google.rpc's details as it travels: its message's full name, and its bytes. */
export interface ErrorDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/** A status as any transport reports it. */
export interface CallStatus {
  /** As Connect spells it: `invalid_argument`. */
  readonly code: string;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/** How a call failed, the same whatever it travelled by. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: string;
  /** From ErrorInfo; empty when there is none. */
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The paths of the wrong fields, from BadRequest. */
  readonly fields: readonly string[];
  /** From RetryInfo. */
  readonly retryAfterMs: number | undefined;

  constructor({ code, message, details }: CallStatus) {
    super(message);
    const info = find(details, ErrorInfoSchema);
    const retry = find(details, RetryInfoSchema);
    this.code = code;
    this.reason = info?.reason ?? '';
    this.domain = info?.domain ?? '';
    this.metadata = info?.metadata ?? {};
    this.fields = find(details, BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [];
    this.retryAfterMs = retry?.retryDelay === undefined ? undefined : durationMs(retry.retryDelay);
  }
}

/** The details of a `grpc-status-details-bin`. */
export function statusDetails(bytes: Uint8Array): readonly ErrorDetail[] {
  return fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
    value,
  }));
}

function find<Desc extends DescMessage>(details: readonly ErrorDetail[], schema: Desc): MessageShape<Desc> | undefined {
  const detail = details.find(({ type }) => type === schema.typeName);
  return detail === undefined ? undefined : fromBinary(schema, detail.value);
}
