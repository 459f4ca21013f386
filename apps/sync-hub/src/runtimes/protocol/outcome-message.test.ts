import { create } from '@bufbuild/protobuf';
import { OutcomeKind, OutcomeSchema } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { describe, expect, it } from 'vitest';
import { outcomeFrom } from './outcome-message.ts';

const said = (code: string, message = '') =>
  outcomeFrom(create(OutcomeSchema, { kind: OutcomeKind.PERMANENT, code, message }));

it('brings whatever an adapter says of a failure within the bounds that the journal relies on', () => {
  // Each becomes two or three letters in upper case.
  expect(said('ß'.repeat(64))).toMatchObject({ failure: { code: 'S'.repeat(64) } });
  expect(said('http 503: ok?')).toMatchObject({ failure: { code: 'HTTP_503__OK_' } });
  expect(said('')).toMatchObject({ failure: { code: 'PERMANENT' } });
  expect(said('X', `${'a'.repeat(1_023)}😀`)).toMatchObject({ failure: { message: 'a'.repeat(1_023) } });
});

describe('a wait that an adapter names', () => {
  const waiting = (kind: OutcomeKind, retryAfter: { seconds: bigint; nanos: number }) =>
    outcomeFrom(create(OutcomeSchema, { kind, retryAfter }));
  const none = [
    { seconds: 0n, nanos: 0 },
    { seconds: -1n, nanos: 0 },
    { seconds: 0n, nanos: -1 },
    { seconds: -(2n ** 63n), nanos: -999_999_999 },
  ];

  it.each(none)('counts as none when it is not a wait: %o', (retryAfter) => {
    expect(waiting(OutcomeKind.THROTTLED, retryAfter)).toMatchObject({ retryAfterMs: 5_000 });
    expect(waiting(OutcomeKind.RETRYABLE, retryAfter)).not.toHaveProperty('retryAfterMs');
  });

  it('is taken as it is otherwise', () => {
    expect(waiting(OutcomeKind.THROTTLED, { seconds: 7n, nanos: 0 })).toMatchObject({ retryAfterMs: 7_000 });
    expect(waiting(OutcomeKind.RETRYABLE, { seconds: 7n, nanos: 0 })).toMatchObject({ retryAfterMs: 7_000 });
  });
});
