import { expect, it } from 'vitest';
import { newTokenId, newTokenText, tokenHash, tokenIdOf } from './token-text.ts';

it('a token names its id, and no two are the same', () => {
  const id = newTokenId();
  const texts = Array.from({ length: 1_000 }, () => newTokenText(id));
  for (const text of texts) {
    expect(text).toMatch(/^hms_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/);
    expect(tokenIdOf(text)).toBe(id);
  }
  expect(new Set(texts).size).toBe(1_000);
});

it('a token with one wrong character is none', () => {
  const text = newTokenText(newTokenId());
  for (let at = 0; at < text.length; at += 1) {
    const other = text[at] === 'x' ? 'y' : 'x';
    expect(tokenIdOf(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
  }
  for (const wrong of [
    '',
    'hms_',
    text.slice(1),
    `${text}0`,
    ` ${text}`,
    text.toUpperCase(),
    `hms_${'é'.repeat(58)}`,
  ]) {
    expect(tokenIdOf(wrong)).toBeUndefined();
  }
});

it('what is kept of a token is its SHA-256', () => {
  expect(tokenHash('hms').toString('hex')).toBe('8e324781d50e9ee608c7fd5bea8d7afcb5f0ac0b24ea3f820b4b4aeea83beea3');
});
