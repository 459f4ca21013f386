import { create } from '@bufbuild/protobuf';
import { OutcomeKind, OutcomeSchema } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { expect, it } from 'vitest';
import { outcomeFrom } from './outcome-message.ts';

const said = (code: string, message = '') =>
  outcomeFrom(create(OutcomeSchema, { kind: OutcomeKind.PERMANENT, code, message }));

it('brings whatever an adapter says of a failure within the bounds that the journal relies on', () => {
  // Each becomes two or three letters in upper case.
  expect(said('ß'.repeat(64))).toMatchObject({ failure: { code: 'S'.repeat(64) } });
  expect(said('http 503: ok?')).toMatchObject({ failure: { code: 'HTTP_503__OK_' } });
  expect(said('')).toMatchObject({ failure: { code: 'PERMANENT' } });
  expect(said('X', `${'a'.repeat(1_023)}😀`)).toMatchObject({ failure: { message: `${'a'.repeat(1_023)}\ufffd` } });
});
