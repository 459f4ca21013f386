import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { inspect, styleText } from 'node:util';
import { visibleJson, visibleLines, visibleText } from '@hms-sync/proto/visible-text';

/** The meaning of a text, which decides its color. */
export type Tone = 'good' | 'bad' | 'waiting' | 'quiet' | 'strong';

const STYLES = {
  good: 'green',
  bad: 'red',
  waiting: 'yellow',
  quiet: 'dim',
  strong: 'bold',
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

/** The output of a printer: process.stdout, or a collecting stream in tests. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** The current width of the terminal. */
  readonly columns?: number;
}

/** Writes lines to one stream, in color if it is a terminal. */
export class Printer {
  readonly isTerminal: boolean;
  readonly #output: Output;
  readonly #coloured: boolean;
  readonly #env: NodeJS.ProcessEnv;

  constructor(output: Output, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.#env = env;
    this.isTerminal = output.isTTY === true;
    // https://no-color.org: set and not empty means no color.
    this.#coloured = this.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** The maximum width of a table: the width of the terminal, else `COLUMNS`, else unlimited. */
  get columns(): number {
    const given = (this.isTerminal && this.#output.columns) || Number(this.#env.COLUMNS);
    return given >= 1 ? given : Number.POSITIVE_INFINITY;
  }

  /** Escapes all control characters in the text, except the colors of `paint` and line feeds. */
  line(text = ''): void {
    const visible = this.#coloured ? text.split(OWN_STYLE).map(styleOrVisible).join('') : visibleLines(text);
    this.#output.write(`${visible}\n`);
  }

  /** The value as one line of JSON that parses to the same value. */
  json(value: unknown): void {
    this.#output.write(`${visibleJson(JSON.stringify(value))}\n`);
  }

  /** Clears the visible screen. */
  clearScreen(): void {
    if (this.isTerminal) this.#output.write('\u001b[2J\u001b[H');
  }

  paint(tone: Tone, text: string): string {
    return this.#coloured ? styleText(STYLES[tone], text, { validateStream: false }) : text;
  }
}

/** The outputs of a command: data on stdout, everything else on stderr. */
export interface Terminal {
  readonly data: Printer;
  readonly notes: Printer;
  /** Asks a question, to which only y or yes means yes. Undefined where nobody can answer. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
}

/** @param stdin what a user types into; absent: nobody can answer */
export function createTerminal(
  stdout: Output,
  stderr: Output,
  env: NodeJS.ProcessEnv,
  stdin?: () => Readable,
): Terminal {
  const notes = new Printer(stderr, env);
  if (stdin === undefined || !notes.isTerminal) return { data: new Printer(stdout, env), notes };
  const confirm = async (question: string) => {
    stderr.write(`${visibleText(question)} [y/N] `);
    const answer = await firstLine(stdin());
    // Where the input ended instead, the cursor is still behind the question.
    if (answer === undefined) stderr.write('\n');
    return /^\s*y(es)?\s*$/i.test(answer ?? '');
  };
  return { data: new Printer(stdout, env), notes, confirm };
}

async function firstLine(input: Readable): Promise<string | undefined> {
  for await (const line of createInterface({ input })) return line;
  return undefined;
}

/** A foreign text on one line, with control and invisible characters escaped. */
export const printable = visibleText;

/** With a group, so that split() keeps the separators. */
const OWN_STYLE = new RegExp(
  `(\u001b\\[(?:${Object.values(STYLES)
    .flatMap((style) => inspect.colors[style])
    .join('|')})m)`,
);

/** Every second part of a split by `OWN_STYLE` is a style. */
function styleOrVisible(part: string, index: number): string {
  return index % 2 === 1 ? part : visibleLines(part);
}
