import { expect, it, vi } from 'vitest';
import { type FileToken, FileTokens } from './file-tokens.ts';
import { newTokenId, newTokenText, tokenHash } from './token-text.ts';

function made(name: string, more: Partial<FileToken> = {}): { text: string; token: FileToken } {
  const text = newTokenText(newTokenId());
  return { text, token: { name, role: 'viewer', sha256: tokenHash(text).toString('hex'), ...more } };
}

it('a token that is gone ends what was opened by it, and one that stays goes on, wherever it is in the list', () => {
  const [gone, stays] = [made('gone'), made('stays')];
  const tokens = new FileTokens([gone.token, stays.token]);
  const before = tokens.principalOf(stays.text);
  const ended = vi.fn();
  tokens.principalOf(gone.text)?.lifetime?.onEnd(ended);
  tokens.replace([structuredClone(stays.token)]);
  expect(ended).toHaveBeenCalledOnce();
  expect(tokens.principalOf(gone.text)).toBeUndefined();
  expect(tokens.principalOf(stays.text)).toBe(before);
  expect(before?.lifetime?.isOver).toBe(false);
});

it('a token whose grants changed is another one: its streams end, and the next call has the new grants', () => {
  const { text, token } = made('lab', { role: 'publisher', types: ['Process*'] });
  const tokens = new FileTokens([token]);
  const before = tokens.principalOf(text);
  tokens.replace([{ ...token, types: ['Policy*'] }]);
  expect(before?.lifetime?.isOver).toBe(true);
  expect(tokens.principalOf(text)).toMatchObject({ name: 'lab', grants: { types: ['Policy*'], sources: ['lab'] } });
});
