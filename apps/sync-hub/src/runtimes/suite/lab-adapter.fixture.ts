import type { AcceptedEvent } from '../../core/event.ts';
import type { DeliveryAttempt } from '../runtime.ts';

/** Is in configurations and errors, and must not be revealed. */
export const SECRET = 'hunter2-and-more';

/** The signal of an attempt that nobody stops. */
export const never = () => new AbortController().signal;

/** The text of an adapter's module; `{}` around the parts of its definition is added. */
export const adapter = (parts: string, before = '') => `import { z } from 'zod';
import { defineAdapter, secret, Permanent, Throttled, Unauthorized, Retryable } from '@hms-sync/adapter-sdk';
${before}
export default defineAdapter({ ${parts} });`;

/** An attempt for adapter-lab. */
export function attemptOf(changes: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  const event: AcceptedEvent = {
    id: 'event-1',
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: 'process-7',
    timeMs: 1_790_000_000_000,
    data: Uint8Array.of(0, 255),
    dataContentType: 'application/octet-stream',
    attributes: { clinic: 'north' },
    seq: 1,
    acceptedAtMs: 1_790_000_000_500,
    publishedBy: 'token hms-api',
    adapters: ['lab'],
  };
  return { event, idempotencyKey: 'event-1:lab', number: 1, redelivered: false, timeoutMs: 10_000, ...changes };
}
