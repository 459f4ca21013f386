import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LogOutput } from './log-output.ts';

const line = (text: string) => `${text.padEnd(999, '.')}\n`;

/** A pipe whose reader a test plays. */
function openPipe() {
  const folder = mkdtempSync(join(tmpdir(), 'hms-sync-log-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const open = (flags: number) => openSync(path, flags | constants.O_NONBLOCK);
  let reader = open(constants.O_RDONLY);
  const fd = open(constants.O_WRONLY);
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return {
    fd,
    /** All that waits in it. */
    read: () => {
      const chunk = Buffer.alloc(1 << 20);
      let text = '';
      try {
        for (let bytes = 1; bytes > 0; ) {
          bytes = readSync(reader, chunk);
          text += chunk.toString('utf8', 0, bytes);
        }
      } catch {
        // EAGAIN: it is empty.
      }
      return text;
    },
    closeReader: () => closeSync(reader),
    openReader: () => {
      reader = open(constants.O_RDONLY);
    },
  };
}

it('writes at once while somebody reads', () => {
  const pipe = openPipe();
  new LogOutput({ fd: pipe.fd, onLeftOut: vi.fn() }).write('a line\n');
  expect(pipe.read()).toBe('a line\n');
});

it('does not wait for a reader; keeps 1 MiB of lines, whole, and reports how many it left out', async () => {
  const pipe = openPipe();
  const left = Promise.withResolvers<number>();
  const output = new LogOutput({ fd: pipe.fd, onLeftOut: left.resolve });
  for (let index = 0; index < 3_000; index += 1) output.write(line(`line ${index} é`));
  let text = '';
  const reading = setInterval(() => {
    text += pipe.read();
  }, 5);
  const leftOut = await left.promise;
  clearInterval(reading);
  const lines = (text + pipe.read()).split('\n').slice(0, -1);
  expect(lines.map((each) => each.slice(0, each.indexOf('.')))).toEqual(lines.map((_, index) => `line ${index} é`));
  expect(lines.length).toBeGreaterThan(1_000);
  expect(lines.length + leftOut).toBe(3_000);
});

it('continues when a reader that was gone returns', async () => {
  const pipe = openPipe();
  const output = new LogOutput({ fd: pipe.fd, onLeftOut: vi.fn() });
  pipe.closeReader();
  output.write('to nobody\n');
  pipe.openReader();
  let text = '';
  await vi.waitFor(() => {
    text += pipe.read();
    expect(text).toBe('to nobody\n');
  });
});

it.runIf(process.platform === 'linux')('goes on when its disk is full', () => {
  const fd = openSync('/dev/full', 'a');
  onTestFinished(() => closeSync(fd));
  const output = new LogOutput({ fd, onLeftOut: vi.fn() });
  for (let index = 0; index < 2_000; index += 1) output.write(line('kept nowhere'));
});
