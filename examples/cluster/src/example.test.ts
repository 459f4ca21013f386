import { expect, test } from 'vitest';
import { runExample } from './example.ts';
import { PLANNED_STOP } from './scenes.ts';

test('a planned stop loses nothing, and the publisher sees who continues', { timeout: 180_000 }, async () => {
  const lines: string[] = [];
  const { published, accepted, delivered, lost, overtaken } = await runExample({
    scenes: [PLANNED_STOP],
    everyMs: 100,
    calmMs: 500,
    write: (line) => lines.push(line),
    isColored: false,
    signal: new AbortController().signal,
  });
  expect(published).toBeGreaterThan(5);
  expect({ accepted, delivered, lost, overtaken }).toEqual({
    accepted: published,
    delivered: published,
    lost: 0,
    overtaken: 0,
  });
  const [, hub, ...after] = lines.join('\n').split(/planned stop of (hub-\d)/);
  // Whatever it ran, another hub runs now.
  expect(after.join()).toMatch(new RegExp(`(?!${hub})hub-\\d runs `));
});
