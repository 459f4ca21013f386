import { inspect, styleText } from 'node:util';
import { visibleJson, visibleLines, visibleText } from '@hms-sync/proto/visible-text';

/** What a stretch of text is; the terminal decides how that looks. */
export type Tone = 'good' | 'bad' | 'waiting' | 'quiet' | 'strong';

const STYLES = {
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
  /** How wide the terminal is; it may change. */
  readonly columns?: number;
}

/** Writes lines to one stream and knows whether that stream takes colour. */
export class Printer {
  readonly isTerminal: boolean;
  readonly #output: Output;
  readonly #coloured: boolean;
  readonly #env: NodeJS.ProcessEnv;

  constructor(output: Output, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.#env = env;
    this.isTerminal = output.isTTY === true;
    // https://no-color.org: set and not empty means no colour.
    this.#coloured = this.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** How many characters a line of a table may have: as wide as the terminal, else `COLUMNS`, else any number. */
  get columns(): number {
    const given = (this.isTerminal && this.#output.columns) || Number(this.#env.COLUMNS);
    return given >= 1 ? given : Number.POSITIVE_INFINITY;
  }

  /** Whatever the text holds, nothing but the colours of `paint` and line feeds reaches the terminal as a control. */
  line(text = ''): void {
    const visible = this.#coloured ? text.split(OWN_STYLE).map(styleOrVisible).join('') : visibleLines(text);
    this.#output.write(`${visible}\n`);
  }

  /** The value as one line of JSON that parses to the same value. */
  json(value: unknown): void {
    this.#output.write(`${visibleJson(JSON.stringify(value))}\n`);
  }

  /** Empties the visible screen, so that what follows takes the place of what was there. */
  clearScreen(): void {
    if (this.isTerminal) this.#output.write('\u001b[2J\u001b[H');
  }

  paint(tone: Tone, text: string): string {
    return this.#coloured ? styleText(STYLES[tone], text, { validateStream: false }) : text;
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

/** Text of anybody on one line, with nothing in it that a terminal obeys or a reader does not see. */
export const printable = visibleText;

/** With a group, so that a split keeps what it splits by. */
const OWN_STYLE = new RegExp(
  `(\u001b\\[(?:${Object.values(STYLES)
    .flatMap((style) => inspect.colors[style])
    .join('|')})m)`,
);

/** What a split by `OWN_STYLE` gives: every second part is one of our own. */
function styleOrVisible(part: string, index: number): string {
  return index % 2 === 1 ? part : visibleLines(part);
}
