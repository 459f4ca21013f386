import { describe, expect, it } from 'vitest';
import { openDelivery } from '../../sim/scripted-lane.ts';
import { fetchedDelivery } from './lane-input.ts';

const recordedAtMs = 1_000_000_000;
const retried = { ...openDelivery({ seq: 1 }), asOfMs: recordedAtMs, notBeforeMs: recordedAtMs + 2_000 };
const HOUR_MS = 3_600_000;

describe('a retry that is read from the journal', () => {
  it('waits for what is left of its time', () => {
    expect(fetchedDelivery(retried, recordedAtMs + 600).delayMs).toBe(1_400);
  });

  it.each([-3 * HOUR_MS, -400 * 24 * HOUR_MS])(
    'waits no longer than was planned when the clock was set back: %d ms',
    (byMs) => {
      expect(fetchedDelivery(retried, recordedAtMs + 600 + byMs).delayMs).toBe(2_000);
    },
  );

  it('is due when an operator ended all waits since', () => {
    expect(fetchedDelivery(retried, recordedAtMs + 600, recordedAtMs + 500).delayMs).toBe(0);
    expect(fetchedDelivery(retried, recordedAtMs + 600, recordedAtMs - 1).delayMs).toBe(1_400);
  });
});

describe('the age of a delivery that is read from the journal', () => {
  it('is measured from when it was accepted', () => {
    const { event } = retried;
    const accepted = { ...retried, event: { ...event, acceptedAtMs: recordedAtMs - HOUR_MS } };
    expect(fetchedDelivery(accepted, recordedAtMs).ageMs).toBe(HOUR_MS);
  });

  it('is measured from no earlier than its replay', () => {
    expect(fetchedDelivery({ ...retried, cycle: 2 }, recordedAtMs + 5).ageMs).toBe(5);
  });

  it('is never below zero, though the clock was set back', () => {
    expect(fetchedDelivery({ ...retried, cycle: 2 }, recordedAtMs - HOUR_MS).ageMs).toBe(0);
  });
});
