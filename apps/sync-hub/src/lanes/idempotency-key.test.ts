import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idempotencyKey } from './idempotency-key.ts';

it('is the id and the adapter when there is no source', () => {
  expect(idempotencyKey({ id: 'e1', source: '' }, 'billing')).toBe('e1:billing');
});

it('is what it was before an upgrade for an event of a version whose keys held no source', () => {
  expect(idempotencyKey({ id: 'e1', source: 'hms-api', hasUniqueId: true }, 'billing')).toBe('e1:billing');
});

it('has a digest of the source in it, the same each time', () => {
  const key = idempotencyKey({ id: 'e1', source: 'hms-api' }, 'billing');
  expect(key).toBe('e1:billing:50F2F0D1392C6A17B679');
  for (let count = 0; count < 3_000; count += 1) idempotencyKey({ id: 'e1', source: `clinic-${count}` }, 'billing');
  expect(idempotencyKey({ id: 'e1', source: 'hms-api' }, 'billing')).toBe(key);
});

it('is another for each event at each adapter', () => {
  const adapters = fc.constantFrom('billing', 'a', 'records-2');
  const text = fc.oneof(fc.constantFrom('', 'e1', 'e1:billing', 'hms-api'), fc.string({ maxLength: 6 }));
  const delivery = fc.record({
    id: fc.oneof(fc.constantFrom('e1', 'e1:billing'), text),
    source: text,
    adapter: adapters,
  });
  fc.assert(
    fc.property(delivery, delivery, (left, right) => {
      const isSame = left.id === right.id && left.source === right.source && left.adapter === right.adapter;
      expect(idempotencyKey(left, left.adapter) === idempotencyKey(right, right.adapter)).toBe(isSame);
    }),
  );
});
