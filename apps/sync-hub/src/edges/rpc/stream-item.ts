import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { PublishResultSchema, PublishStreamResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';

export type Result = MessageInitShape<typeof PublishResultSchema>;

/** One thing that a PublishStream tells. */
export type Item = { readonly kind: 'result'; readonly result: Result } | { readonly kind: 'ack'; readonly ack: Ack };

/** Items as one message of the stream. */
export function toMessage(items: readonly Item[]): MessageInitShape<typeof PublishStreamResponseSchema> {
  return {
    results: items.flatMap((item) => (item.kind === 'result' ? [item.result] : [])),
    acks: items.flatMap((item) => (item.kind === 'ack' ? [item.ack] : [])),
  };
}
