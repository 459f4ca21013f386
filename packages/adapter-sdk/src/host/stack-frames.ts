import { peek } from '../outcome-of.ts';

/** Enough to show where it happened. */
const FRAMES_MAX = 5;

/** The innermost frames of an error's stack, without the message that V8 puts before them. Never throws. */
export function framesOf(thrown: unknown): readonly string[] {
  const stack = peek(thrown, 'stack');
  const message = peek(thrown, 'message');
  if (typeof stack !== 'string' || typeof message !== 'string') return [];
  const end = stack.indexOf(message);
  // Without the message, frames cannot be distinguished from lines of a payload.
  if (end === -1) return [];
  const lines = stack.slice(end + message.length).split('\n', FRAMES_MAX + 1);
  return lines
    .map((line) => line.trim())
    .filter((line) => /^at .+:\d+:\d+\)?$/.test(line))
    .slice(0, FRAMES_MAX);
}
