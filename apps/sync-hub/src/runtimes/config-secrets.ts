import { createRedactor, stringsIn } from '@hms-sync/adapter-sdk/host';

/** Shorter values are words such as `on` or `80`, which a text needs for its own sentence. */
const SECRET_MIN_CHARACTERS = 4;
/** A reason is for one line. */
const REASON_MAX_CHARACTERS = 512;
/** What comes from a process is cut to this before it is looked through, by the SDK or by whoever reads its lines. */
export const RAW_MAX_CHARACTERS = 8_192;

/**
 * The texts of an adapter's configuration. Which of them are secret only the adapter's schema knows, and it may not
 * even load, so all of them are taken out of what its process says outside of the protocol.
 */
export class ConfigSecrets {
  readonly #redact: (text: string) => string;
  readonly #longestCharacters: number;

  constructor(config: unknown) {
    const secrets = stringsIn(config).filter((text) => text.length >= SECRET_MIN_CHARACTERS && !isOrigin(text));
    const { learn, redact } = createRedactor();
    learn(secrets);
    this.#redact = redact;
    this.#longestCharacters = secrets.reduce((longest, text) => Math.max(longest, text.length), 0);
  }

  /** A text without them, cut to a length; one line of a log when it is not said. */
  takenOut(text: string, maxCharacters = REASON_MAX_CHARACTERS): string {
    const clean = this.#redact(text);
    // A text that was cut before may end in half a secret, which matches none: as much as one may be is left out.
    const whole = text.length < RAW_MAX_CHARACTERS ? clean : clean.slice(0, -(this.#longestCharacters || 1));
    // Half a character at the cut would keep the text from being sent.
    return whole.slice(0, maxCharacters).toWellFormed();
  }
}

/** Where a system is, and nothing else: without that an operator cannot see which one refused. */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.origin !== 'null' && (text === url.origin || text === `${url.origin}/`);
}
