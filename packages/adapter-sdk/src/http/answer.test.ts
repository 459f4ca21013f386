import { describe, expect, it } from 'vitest';
import { externalSystem } from '../../test/external-system.ts';
import { answering, postOutcome } from '../../test/pools.ts';
import { outcomeOfStatus, STATUS_RULES } from './status-rule.ts';

describe('the outcome of a response', () => {
  it('is said of every status from 200 to 599 by one rule, and of nothing else', () => {
    for (let status = 200; status <= 599; status += 1) {
      expect(STATUS_RULES.some(({ from, to }) => status >= from && status <= to)).toBe(true);
    }
    expect(outcomeOfStatus(199, undefined)).toBe('retryable');
    expect(outcomeOfStatus(600, 5)).toBe('retryable');
  });

  it.each([200, 201, 202])('%i: delivered, its body is the receipt', async (status) => {
    await using system = await answering(status, {}, '{"id":"é7"}');
    expect(await postOutcome(system.baseUrl)).toBe('{"id":"é7"}');
  });

  it('204: delivered with an empty receipt', async () => {
    await using system = await externalSystem((response) => response.writeHead(204).end());
    expect(await postOutcome(system.baseUrl)).toBe('');
  });

  it.each<[number, Record<string, string>, string, number?]>([
    [301, { location: 'https://elsewhere.example/?token=Ada' }, 'misconfigured'],
    [307, {}, 'misconfigured'],
    [400, {}, 'permanent'],
    [401, {}, 'unauthorized'],
    [403, {}, 'unauthorized'],
    [402, {}, 'retryable'],
    [403, { 'retry-after': '2' }, 'throttled', 2000],
    [404, {}, 'permanent'],
    [405, {}, 'permanent'],
    [408, {}, 'retryable'],
    [408, { 'retry-after': '2' }, 'throttled', 2000],
    [407, {}, 'retryable'],
    [407, { 'retry-after': '2' }, 'retryable', 2000],
    [409, {}, 'permanent'],
    [412, {}, 'retryable'],
    [413, {}, 'permanent'],
    [413, { 'retry-after': '2' }, 'retryable', 2000],
    [417, {}, 'retryable'],
    [421, {}, 'retryable'],
    [422, {}, 'permanent'],
    [422, { 'retry-after': '0' }, 'permanent'],
    [423, {}, 'retryable'],
    [424, {}, 'retryable'],
    [425, {}, 'retryable'],
    [426, {}, 'misconfigured'],
    [428, {}, 'permanent'],
    [431, {}, 'permanent'],
    [451, {}, 'permanent'],
    [499, {}, 'permanent'],
    [501, {}, 'retryable'],
    [505, {}, 'retryable'],
    [511, {}, 'retryable'],
    [429, {}, 'throttled', 5000],
    [429, { 'retry-after': '2' }, 'throttled', 2000],
    [429, { 'retry-after': '999999999999' }, 'throttled', 3_600_000],
    [429, { 'retry-after': 'soon' }, 'throttled', 5000],
    [429, { 'retry-after': '0' }, 'throttled', 5000],
    [429, { 'retry-after': '-3' }, 'throttled', 5000],
    [429, { 'retry-after': 'Mon, 23 Nov 2009 10:00:00 GMT' }, 'throttled', 5000],
    [500, {}, 'retryable'],
    [502, { 'retry-after': '2' }, 'retryable', 2000],
    [503, {}, 'retryable'],
    [503, { 'retry-after': '2' }, 'throttled', 2000],
    [503, { 'retry-after': '0' }, 'retryable'],
    [503, { 'retry-after': 'Mon, 23 Nov 2009 10:00:00 GMT' }, 'retryable'],
    [504, {}, 'retryable'],
    [599, {}, 'retryable'],
  ])('%i %j: %s', async (status, headers, kind, retryAfterMs) => {
    await using system = await answering(status, headers);
    const outcome = await postOutcome(system.baseUrl);
    expect(outcome).toMatchObject({ kind, code: `HTTP_${status}`, message: expect.stringContaining(system.baseUrl) });
    if (retryAfterMs !== undefined) expect(outcome).toMatchObject({ retryAfterMs });
    // Neither what was answered nor where it pointed: both may repeat the payload.
    expect(JSON.stringify(outcome)).not.toContain('Ada');
  });

  it('waits until an HTTP date', async () => {
    await using system = await externalSystem((response) =>
      response.writeHead(503, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }).end(),
    );
    const outcome = await postOutcome(system.baseUrl);
    expect(outcome).toMatchObject({ kind: 'throttled' });
    // The date has whole seconds.
    expect(outcome).toHaveProperty(
      'retryAfterMs',
      expect.toSatisfy((ms: number) => ms > 50_000 && ms <= 60_000),
    );
  });

  it('never follows a redirect, and names only its origin', async () => {
    await using elsewhere = await answering(200);
    await using system = await answering(308, { location: `${elsewhere.baseUrl}/trap?key=Ada` });
    const outcome = await postOutcome(system.baseUrl);
    expect(outcome).toMatchObject({
      kind: 'misconfigured',
      message: expect.stringContaining(`pointing to ${elsewhere.baseUrl}:`),
    });
    expect(elsewhere.calls).toEqual([]);
  });
});
