import { createTerminal, printable, type Terminal } from '../src/terminal.ts';

/** A terminal that keeps what was written to it. */
export interface CapturedTerminal extends Terminal {
  /** What was written to stdout. */
  stdout(): string;
  /** What was written to stderr. */
  stderr(): string;
  /** Each line of stdout as JSON. */
  jsonLines(): Record<string, unknown>[];
  /** Resolves as soon as stdout holds the text. */
  untilStdoutHas(text: string): Promise<void>;
}

/**
 * @param options.env decides about colour; streams are no terminals unless isTTY
 * @param options.answer to each question; absent: nobody can answer
 */
export function captureTerminal({
  env = {},
  isTTY = false,
  columns,
  answer,
}: {
  env?: NodeJS.ProcessEnv;
  isTTY?: boolean;
  columns?: number;
  answer?: boolean;
} = {}): CapturedTerminal {
  const written = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  const output = (name: keyof typeof written) => ({
    isTTY,
    ...(columns !== undefined && { columns }),
    write: (text: string) => {
      written[name] += text;
      for (const check of waiting) check();
    },
  });
  return {
    ...createTerminal(output('stdout'), output('stderr'), env),
    ...(answer !== undefined && {
      confirm: async (question: string) => {
        written.stderr += `${printable(question)}\n`;
        return answer;
      },
    }),
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    jsonLines: () =>
      written.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    untilStdoutHas: (text) =>
      new Promise((resolve) => {
        const check = () => {
          if (!written.stdout.includes(text)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
