import { styleText } from 'node:util';
import type { EventListener, LoggedEvent } from './event-log.ts';

/** A row is printed when all acks of its event are there, and after this time at the latest. */
const ROW_AFTER_MS = 450;
/** Deliveries that waited and come together are reported in one line. */
const TOGETHER_MS = 600;
const WIDTH = 92;
/** Of what stands beside the time. */
const INDENT = 10;

type Style = Parameters<typeof styleText>[0];

export interface ScreenOptions {
  readonly adapters: readonly string[];
  /** Gets each line, without its end. */
  readonly write: (line: string) => void;
  /** True: with colors. */
  readonly isColored: boolean;
}

/** What a user sees: a row for each event, and a line for each thing that happens to a hub. */
export class Screen implements EventListener {
  readonly #options: ScreenOptions;
  readonly #startedMs = performance.now();
  /** Without a row yet. */
  #pending: { readonly event: LoggedEvent; readonly timer: NodeJS.Timeout } | undefined;
  /** Of each adapter the deliveries that came after their row. */
  readonly #late = new Map<string, LoggedEvent[]>();
  #isHeadDue = true;
  /** The last line was empty. */
  #isBlank = true;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** A new part, with what is about to happen and what to expect. */
  chapter(title: string, expected: string): void {
    this.flush();
    this.line();
    this.#line(
      `${this.#time()}  ${this.#paint('bold', title)} ${'─'.repeat(Math.max(0, WIDTH - title.length - INDENT - 1))}`,
    );
    for (const line of wrapped(expected, WIDTH - INDENT)) this.line(line);
    this.line();
    this.#isHeadDue = true;
  }

  /** One thing that happened to a hub or to the database. */
  note(text: string): void {
    const [first = '', ...more] = wrapped(text, WIDTH - INDENT);
    this.#line(`${this.#time()}  ${this.#paint('cyan', first)}`);
    for (const line of more) this.line(this.#paint('cyan', line));
  }

  /** A line without a time. */
  line(text = ''): void {
    this.#line(text === '' ? '' : `${' '.repeat(INDENT)}${text}`);
  }

  onAccepted(event: LoggedEvent): void {
    this.flush();
    this.#pending = { event, timer: setTimeout(() => this.flush(), ROW_AFTER_MS) };
    this.#printIfComplete();
  }

  onDelivered(event: LoggedEvent, adapter: string): void {
    if (this.#pending?.event === event) this.#printIfComplete();
    else if (event.accepted !== undefined) this.#keepLate(event, adapter);
  }

  /** Prints what was kept back. */
  flush(): void {
    if (this.#pending === undefined) return;
    const { event, timer } = this.#pending;
    this.#pending = undefined;
    clearTimeout(timer);
    this.#row(event);
  }

  /** Prints all that was kept back. */
  end(): void {
    this.flush();
    for (const adapter of this.#late.keys()) this.#printLate(adapter);
  }

  #keepLate(event: LoggedEvent, adapter: string): void {
    const late = this.#late.get(adapter);
    if (late === undefined) {
      this.#late.set(adapter, [event]);
      setTimeout(() => this.#printLate(adapter), TOGETHER_MS);
    } else {
      late.push(event);
    }
  }

  #printIfComplete(): void {
    const { adapters } = this.#options;
    if (adapters.every((adapter) => this.#pending?.event.deliveredAtMs.has(adapter))) this.flush();
  }

  #row({ number, publishedAtMs, accepted, deliveredAtMs }: LoggedEvent): void {
    const { adapters } = this.#options;
    if (this.#isHeadDue) {
      this.#isHeadDue = false;
      const names = adapters.map((adapter) => adapter.padEnd(12)).join('');
      if (!this.#isBlank) this.line();
      this.line(this.#paint('dim', 'event  ACCEPTED             DELIVERED'));
      this.line(this.#paint('dim', `       by     after         ${names}`.trimEnd()));
    }
    if (accepted === undefined) return;
    const after = (ms: number) => duration(ms - publishedAtMs).padStart(6);
    const cells = adapters.map((adapter) => {
      const atMs = deliveredAtMs.get(adapter);
      if (atMs === undefined) return this.#paint('yellow', ' waits'.padEnd(12));
      return this.#paint('green', after(atMs).padEnd(12));
    });
    const silent =
      accepted.silent.length === 0 ? '' : this.#paint('yellow', `no answer: ${accepted.silent.join(', ')}`);
    const facts = `${this.#time()}  ${`#${number}`.padEnd(5)}  ${accepted.by}  ${after(accepted.atMs).padEnd(12)}  `;
    this.#line(`${facts}${cells.join('')}${silent}`.trimEnd());
  }

  #printLate(adapter: string): void {
    const events = this.#late.get(adapter) ?? [];
    this.#late.delete(adapter);
    if (events.length === 0) return;
    const waits = events.map(({ publishedAtMs, deliveredAtMs }) => (deliveredAtMs.get(adapter) ?? 0) - publishedAtMs);
    const numbers = events.map(({ number }) => number);
    const range = numbers.length === 1 ? `#${numbers[0]}` : `#${Math.min(...numbers)} to #${Math.max(...numbers)}`;
    const text = `${adapter}: DELIVERED ${range}, which waited up to ${duration(Math.max(...waits))}`;
    this.#line(`${this.#time()}  ${this.#paint('green', text)}`);
  }

  #time(): string {
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    return this.#paint('dim', `${seconds.toFixed(1).padStart(6)} s`);
  }

  #paint(style: Style, text: string): string {
    return this.#options.isColored ? styleText(style, text, { validateStream: false }) : text;
  }

  #line(text: string): void {
    this.#isBlank = text === '';
    this.#options.write(text);
  }
}

/** "12 ms", "19.1 s". */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
