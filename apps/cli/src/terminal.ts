import { stripVTControlCharacters, styleText } from 'node:util';

/** What a stretch of text is; the terminal decides how that looks. */
export type Tone = 'good' | 'bad' | 'waiting' | 'quiet' | 'strong';

const styles = {
  good: 'green',
  bad: 'red',
  waiting: 'yellow',
  quiet: 'dim',
  strong: 'bold',
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

/** What a printer writes to: process.stdout, or a collecting stream in tests. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Writes lines to one stream and knows whether that stream takes colour. */
export class Printer {
  readonly isTerminal: boolean;
  readonly #output: Output;
  readonly #coloured: boolean;

  constructor(output: Output, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.isTerminal = output.isTTY === true;
    // https://no-color.org: set and not empty means no colour.
    this.#coloured = this.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  line(text = ''): void {
    this.#output.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** Empties the visible screen, so that what follows takes the place of what was there. */
  clearScreen(): void {
    if (this.isTerminal) this.#output.write('\u001b[2J\u001b[H');
  }

  paint(tone: Tone, text: string): string {
    return this.#coloured ? styleText(styles[tone], text, { validateStream: false }) : text;
  }
}

/** Where a command writes: data on stdout, all else on stderr. */
export interface Terminal {
  readonly data: Printer;
  readonly notes: Printer;
}

export function createTerminal(stdout: Output, stderr: Output, env: NodeJS.ProcessEnv): Terminal {
  return { data: new Printer(stdout, env), notes: new Printer(stderr, env) };
}

/**
 * Text of an outside system on one line: without escape sequences and control characters, which could move the
 * cursor or fake other output.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}
