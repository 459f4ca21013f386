import { expect, it } from 'vitest';
import { AuditPlace } from './audit.fixture.ts';
import { RefusedCredentials } from './refused-credentials.ts';

it('writes a record for each address, with how many were refused and why', async () => {
  const place = new AuditPlace();
  const failed = new RefusedCredentials(await place.open(), () => place.nowMs);
  for (let number = 0; number < 500; number += 1) failed.note('10.0.0.7', 'CREDENTIAL_REFUSED');
  failed.note('10.0.0.7', 'CREDENTIAL_EXPIRED');
  failed.note('10.0.0.8', 'CREDENTIAL_REFUSED');
  await failed.flush();
  await failed.close();
  const since = '2026-11-28T12:00:00.000Z';
  expect(place.records()).toMatchObject([
    { event: 'credentials', address: '10.0.0.7', since, refused: { CREDENTIAL_REFUSED: 500, CREDENTIAL_EXPIRED: 1 } },
    { event: 'credentials', address: '10.0.0.8', since, refused: { CREDENTIAL_REFUSED: 1 } },
  ]);
});

it('counts addresses past a thousand together', async () => {
  const place = new AuditPlace();
  const failed = new RefusedCredentials(await place.open(), () => place.nowMs);
  for (let number = 0; number < 5_000; number += 1) failed.note(`10.0.${number}`, 'CREDENTIAL_REFUSED');
  await failed.close();
  const records = place.records().filter(({ event }) => event === 'credentials');
  expect(records).toHaveLength(1_001);
  expect(records.at(-1)).toMatchObject({ address: 'others', refused: { CREDENTIAL_REFUSED: 4_000 } });
});
