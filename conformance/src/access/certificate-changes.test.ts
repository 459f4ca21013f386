import { expect, test } from 'vitest';
import { changeCertificates } from './certificate-changes.ts';

test('certificates change under load, some of them broken: nothing is lost and nobody is refused', {
  timeout: 120_000,
}, async () => {
  const result = await changeCertificates({ changes: 6, connections: 6, eventsPerSecond: 600 });
  expect(result).toMatchObject({ lost: [], refused: [] });
  expect(result.published).toBeGreaterThan(100);
  // The first, and four of the six.
  expect(result.certificatesSeen).toBe(5);
});
