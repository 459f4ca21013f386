import { afterEach, describe, expect, test } from 'vitest';
import { noChaos } from './chaos.ts';
import { type StandIn, type StandInOptions, startStandIn, type Write } from './stand-in.ts';

let standIn: StandIn;
const writes: Write[] = [];
afterEach(async () => {
  writes.length = 0;
  await standIn.close();
});

async function start(options: Partial<StandInOptions> = {}): Promise<void> {
  const answer = { status: 201, body: { taken: true } };
  const onWrite = (write: Write) => void writes.push(write);
  standIn = await startStandIn({ answer, chaos: noChaos, random: () => 0.5, onWrite, ...options });
}

const post = (body: string, headers = {}) => fetch(`${standIn.url}/any/path`, { method: 'POST', body, headers });

describe('the stand-in for an external system', () => {
  test('answers every write as it is told to, and tells of it', async () => {
    await start();
    const answer = await post('{}');
    expect([answer.status, await answer.json()]).toEqual([201, { taken: true }]);
    expect(writes).toEqual([{ method: 'POST', path: '/any/path', status: 201, chaos: false }]);
  });

  test('answers what only looks, and gives out tokens, without telling', async () => {
    await start();
    expect((await fetch(standIn.url)).status).toBe(200);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await post('grant_type=client_credentials', form);
    expect(await answer.json()).toMatchObject({ token_type: 'Bearer' });
    expect(writes).toEqual([]);
  });

  test.each([
    [0.29, 503],
    [0.3, 201],
  ])('failing three in ten, a draw of %d is answered %d', async (draw, status) => {
    await start({ chaos: { latencyMs: 0, failShare: 0.3 }, random: () => draw });
    expect((await post('{}')).status).toBe(status);
    expect(writes).toMatchObject([{ status, chaos: status === 503 }]);
  });

  test('answers no sooner than its latency', async () => {
    await start({ chaos: { latencyMs: 120, failShare: 0 } });
    const beganMs = performance.now();
    await post('{}');
    // A timer may come a millisecond early.
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(118);
  });

  test('closes also while somebody waits', async () => {
    await start({ chaos: { latencyMs: 600_000, failShare: 0 } });
    const waiting = post('{}').catch(() => 'cut off');
    await fetch(standIn.url);
    await standIn.close();
    expect(await waiting).toBe('cut off');
    await start();
  });
});
