/** The configuration is wrong. The message says where, what, and what to do; it holds no value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
