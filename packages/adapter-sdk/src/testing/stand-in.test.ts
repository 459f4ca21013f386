import { describe, expect, it, onTestFinished } from 'vitest';
import { type AnsweredWrite, type StandInOptions, startStandIn } from './stand-in.ts';

async function start(options: StandInOptions = {}) {
  const writes: AnsweredWrite[] = [];
  const onWrite = (write: AnsweredWrite) => void writes.push(write);
  const standIn = await startStandIn({ answer: { status: 201, body: { taken: true } }, onWrite, ...options });
  onTestFinished(() => standIn[Symbol.asyncDispose]());
  const post = (body: string, headers = {}) => fetch(`${standIn.url}/any/path`, { method: 'POST', body, headers });
  return { standIn, writes, post };
}

describe('the stand-in for an external system', () => {
  it('answers every write as it should, and reports it', async () => {
    const { writes, post } = await start();
    const answer = await post('{}');
    expect([answer.status, await answer.json()]).toEqual([201, { taken: true }]);
    expect(writes).toEqual([{ method: 'POST', path: '/any/path', status: 201, chaos: false }]);
  });

  it('answers reads, and issues tokens, without a write', async () => {
    const { standIn, writes, post } = await start();
    expect((await fetch(standIn.url)).status).toBe(201);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await post('grant_type=client_credentials', form);
    expect(await answer.json()).toMatchObject({ token_type: 'Bearer' });
    expect([writes, standIn.writes]).toEqual([[], []]);
  });

  it.each([
    [0.29, 503],
    [0.3, 201],
  ])('failing three in ten, a draw of %d is answered %d', async (draw, status) => {
    const { standIn, writes, post } = await start({ random: () => draw });
    standIn.behave({ kind: 'chaos', latencyMs: 0, failShare: 0.3 });
    expect((await post('{}')).status).toBe(status);
    expect(writes).toMatchObject([{ status, chaos: status === 503 }]);
    expect(standIn.effects.size).toBe(status === 503 ? 0 : 1);
  });

  it('answers no sooner than its latency', async () => {
    const { standIn, post } = await start();
    standIn.behave({ kind: 'chaos', latencyMs: 120, failShare: 0 });
    const beganMs = performance.now();
    await post('{}');
    // A timer may come a millisecond early.
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(118);
  });

  it('closes also while somebody waits', async () => {
    const { standIn, post } = await start();
    standIn.behave({ kind: 'chaos', latencyMs: 600_000, failShare: 0 });
    const waiting = post('{}').catch(() => 'cut off');
    expect(await standIn.wrote(1, 5_000)).toBe(true);
    await standIn[Symbol.asyncDispose]();
    expect(await waiting).toBe('cut off');
  });
});
