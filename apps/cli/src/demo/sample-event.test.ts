import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { curlLine, sampleEvent } from './sample-event.ts';

describe('the sample event', () => {
  test('is a new event each time, of the same process', () => {
    expect(sampleEvent().id).not.toBe(sampleEvent().id);
    expect(sampleEvent().key).toBe(sampleEvent().key);
  });
});

describe('the curl line', () => {
  test('survives a shell', async () => {
    const line = curlLine('http://127.0.0.1:7003');
    // The shell itself takes the line apart.
    const { stdout } = await promisify(execFile)('sh', ['-c', line.replace(/^curl/, "printf '%s\\n'")]);
    const words = stdout.trim().split('\n');
    expect(words.slice(0, 4)).toEqual(['http://127.0.0.1:7003/sync', '-H', 'content-type: application/json', '-d']);
    expect(JSON.parse(words[4] ?? '')).toMatchObject({
      type: 'ProcessUpdated',
      payload: { processId: 'appointment-workflow' },
    });
  });
});
