/** A line for the hub's log: never a payload, never a secret. */
export interface LogLine {
  readonly level: 'info' | 'warn';
  readonly facts: Readonly<Record<string, unknown>>;
  readonly text: string;
}
