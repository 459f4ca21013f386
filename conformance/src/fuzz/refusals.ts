import { expect } from 'vitest';
import type { CallError } from '../call-error.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';

/** The statuses by which a hub that is well refuses what a client got wrong. */
const CLIENTS_MISTAKES = ['invalid_argument', 'resource_exhausted', 'already_exists', 'not_found', 'unimplemented'];

/** Fails unless the error says what was wrong with the request: a fault of the hub's own would not. */
export function expectRefusal({ code, reason, message, fields }: CallError): void {
  expect(message).not.toContain(PAYLOAD_MARKER);
  if (reason === '') {
    // By docs/errors.md: what cannot be read at all. Connect calls protobuf that it cannot read INTERNAL.
    expect([...CLIENTS_MISTAKES, 'internal']).toContain(code);
    expect(message).not.toBe('');
    return;
  }
  expect(reason).not.toBe('HUB_FAILED');
  expect(CLIENTS_MISTAKES).toContain(code);
  expect(message.length).toBeGreaterThan(10);
  if (reason === 'EVENT_INVALID') expect(fields.length).toBeGreaterThan(0);
}
