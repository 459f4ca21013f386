import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The text of a token: `hms_<id, 8>_<secret, 43><check, 6>`, all in base62. The prefix is for scanners of secrets; the
 * check (CRC-32 of all before it) separates a mistyped token from an unknown one before anything is looked up; the secret has
 * 256 random bits, so a plain hash of the text is enough to keep.
 */
const TOKEN = /^hms_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 8;
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;

/** A new id of a token. */
export function newTokenId(): string {
  return randomText(ID_LENGTH);
}

/** A new text for the token of an id. */
export function newTokenText(id: string): string {
  const text = `hms_${id}_${randomText(SECRET_LENGTH)}`;
  return text + checkOf(text);
}

/** The id in a token's text; undefined when it is no token, or was mistyped. */
export function tokenIdOf(text: string): string | undefined {
  const [, id, check] = TOKEN.exec(text) ?? [];
  return id !== undefined && check === checkOf(text.slice(0, -CHECK_LENGTH)) ? id : undefined;
}

/** What is kept of a token's text: SHA-256, 32 bytes. */
export function tokenHash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function randomText(length: number): string {
  return Array.from({ length }, () => DIGITS[randomInt(DIGITS.length)]).join('');
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let place = 0; place < CHECK_LENGTH; place += 1) {
    check = DIGITS[rest % DIGITS.length] + check;
    rest = Math.floor(rest / DIGITS.length);
  }
  return check;
}
