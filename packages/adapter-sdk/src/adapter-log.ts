/** Plain data in addition to a log message. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The log of an adapter, for operators. Each record has the adapter's id and version; values of secret fields are
 * redacted. Payloads are not: log ids and keys only.
 */
export interface AdapterLog {
  /** For the author, off by default. */
  debug(message: string, fields?: LogFields): void;
  /** Something notable succeeded. */
  info(message: string, fields?: LogFields): void;
  /** Something failed and was handled. */
  warn(message: string, fields?: LogFields): void;
  /** Something failed and an operator should look at it. */
  error(message: string, fields?: LogFields): void;
}
