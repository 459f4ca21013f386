/** Plain data beside a log message. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where an adapter writes what operators should know. Each record carries the adapter's id and version, and the
 * values of `secret()` fields are taken out. Payloads are yours to keep out: log ids and keys.
 */
export interface AdapterLog {
  /** For the author, off by default. */
  debug(message: string, fields?: LogFields): void;
  /** Something of note went as it should. */
  info(message: string, fields?: LogFields): void;
  /** Something went wrong and was dealt with. */
  warn(message: string, fields?: LogFields): void;
  /** Something went wrong and an operator should look. */
  error(message: string, fields?: LogFields): void;
}
