import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderError } from '../files/private-folder.ts';
import { AccessError, type AccessErrorCode } from './access-error.ts';
import { TokenFile } from './token-file.ts';
import { newTokenId, newTokenText } from './token-text.ts';
import { LIFETIME_MS, type NewToken, OVERLAP_MS, Tokens } from './tokens.ts';

const DAY_MS = 86_400_000;
let folder: string;
let nowMs: number;
let tokens: Tokens;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hms-sync-tokens-'));
  nowMs = Date.UTC(2026, 10, 29, 12);
  tokens = await Tokens.open(new TokenFile(folder), () => nowMs);
});
afterEach(() => {
  tokens.close();
  rmSync(folder, { recursive: true });
});

const publisher = (more: Partial<NewToken> = {}): NewToken => ({
  ...{ name: 'hms-api', role: 'publisher', grants: { sources: ['hms-api'] }, createdBy: 'local', lifetimeMs: DAY_MS },
  ...more,
});

async function refusal(act: () => unknown): Promise<AccessErrorCode> {
  try {
    await act();
  } catch (error) {
    if (error instanceof AccessError) return error.code;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** As after a kill -9: nothing but the file is left. */
async function reopened(): Promise<Tokens> {
  tokens.close();
  tokens = await Tokens.open(new TokenFile(folder), () => nowMs);
  return tokens;
}

describe('a token', async () => {
  it('names its principal, also after a restart', async () => {
    const { token, text } = await tokens.create(publisher());
    const principal = {
      kind: 'token',
      name: 'hms-api',
      role: 'publisher',
      grants: { sources: ['hms-api'] },
      credential: token.id,
    };
    expect(tokens.principalOf(text)).toMatchObject(principal);
    expect((await reopened()).principalOf(text)).toMatchObject(principal);
    expect(tokens.list()).toMatchObject([{ name: 'hms-api', createdBy: 'local', expiresAtMs: nowMs + DAY_MS }]);
  });

  it('is kept as a hash alone, in a file of this user alone', async () => {
    const { text } = await tokens.create(publisher());
    tokens.principalOf(text);
    const [, , secret = ''] = text.split('_');
    tokens.close();
    const path = join(folder, 'access.db');
    expect(readFileSync(path).includes(secret)).toBe(false);
    expect(readFileSync(path).includes(secret.slice(0, 12))).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    tokens = await Tokens.open(new TokenFile(folder), () => nowMs);
  });

  it('of another hub, or with another secret, is refused', async () => {
    const { token } = await tokens.create(publisher());
    expect(await refusal(() => tokens.principalOf(newTokenText(newTokenId())))).toBe('CREDENTIAL_REFUSED');
    expect(await refusal(() => tokens.principalOf(newTokenText(token.id)))).toBe('CREDENTIAL_REFUSED');
    expect(await refusal(() => tokens.principalOf('letmein'))).toBe('CREDENTIAL_REFUSED');
  });

  it('ends when it expires, and with it what was opened by it', async () => {
    const { text } = await tokens.create(publisher());
    nowMs += DAY_MS - 1;
    expect(tokens.principalOf(text).name).toBe('hms-api');
    nowMs += 1;
    expect(await refusal(() => tokens.principalOf(text))).toBe('CREDENTIAL_EXPIRED');
    expect(await refusal(async () => (await reopened()).principalOf(text))).toBe('CREDENTIAL_EXPIRED');
  });

  it('knows the day of its last use', async () => {
    const { text } = await tokens.create(publisher());
    expect(tokens.list()).toMatchObject([{ lastUseMs: undefined }]);
    tokens.principalOf(text);
    expect((await reopened()).list()).toMatchObject([{ lastUseMs: Date.UTC(2026, 10, 29) }]);
  });
});

describe('a revoked token', async () => {
  it('is refused at once and after a restart, and its streams end', async () => {
    const { text } = await tokens.create(publisher());
    let ended = false;
    tokens.principalOf(text).lifetime?.onEnd(() => {
      ended = true;
    });
    await tokens.revoke('hms-api');
    expect(ended).toBe(true);
    expect(await refusal(() => tokens.principalOf(text))).toBe('CREDENTIAL_REFUSED');
    expect(await refusal(async () => (await reopened()).principalOf(text))).toBe('CREDENTIAL_REFUSED');
  });

  it('leaves its name to another, and stays in the list', async () => {
    const { text: former } = await tokens.create(publisher());
    await tokens.revoke('hms-api');
    const { text } = await tokens.create(publisher());
    expect(tokens.principalOf(text).name).toBe('hms-api');
    expect(await refusal(() => tokens.principalOf(former))).toBe('CREDENTIAL_REFUSED');
    expect(tokens.list()).toMatchObject([{ revokedAtMs: nowMs }, { revokedAtMs: undefined }]);
    expect(await refusal(async () => (await reopened()).principalOf(former))).toBe('CREDENTIAL_REFUSED');
  });
});

describe('a rotated token', async () => {
  const rotated = async (overlapMs: number) =>
    (await tokens.rotate('hms-api', { overlapMs, lifetimeMs: LIFETIME_MS.usual })).text;

  it('has two texts for the time of overlap, and then the newer one', async () => {
    const { text: former } = await tokens.create(publisher({ lifetimeMs: LIFETIME_MS.usual }));
    const text = await rotated(OVERLAP_MS.usual);
    for (const valid of [former, text]) expect(tokens.principalOf(valid).name).toBe('hms-api');
    for (const valid of [former, text]) expect((await reopened()).principalOf(valid).name).toBe('hms-api');
    nowMs += OVERLAP_MS.usual;
    expect(tokens.principalOf(text).name).toBe('hms-api');
    expect(await refusal(() => tokens.principalOf(former))).toBe('CREDENTIAL_REFUSED');
  });

  it('has never three', async () => {
    const { text: first } = await tokens.create(publisher({ lifetimeMs: LIFETIME_MS.usual }));
    const second = await rotated(OVERLAP_MS.usual);
    const third = await rotated(OVERLAP_MS.usual);
    for (const valid of [second, third]) expect(tokens.principalOf(valid).name).toBe('hms-api');
    expect(await refusal(() => tokens.principalOf(first))).toBe('CREDENTIAL_REFUSED');
  });

  it('ends the former text at once without an overlap, with its streams', async () => {
    const { text: former } = await tokens.create(publisher());
    const { lifetime } = tokens.principalOf(former);
    const text = await rotated(0);
    expect(lifetime?.isOver).toBe(true);
    expect(await refusal(() => tokens.principalOf(former))).toBe('CREDENTIAL_REFUSED');
    expect(tokens.principalOf(text).lifetime?.isOver).toBe(false);
  });
});

describe('what was opened with a former text', async () => {
  const overlapping = () => tokens.rotate('hms-api', { overlapMs: OVERLAP_MS.usual, lifetimeMs: LIFETIME_MS.usual });

  it('ends when the token is revoked', async () => {
    const { text: former } = await tokens.create(publisher({ lifetimeMs: LIFETIME_MS.usual }));
    const before = tokens.principalOf(former).lifetime;
    await overlapping();
    const during = tokens.principalOf(former).lifetime;
    await tokens.revoke('hms-api');
    expect([before?.isOver, during?.isOver]).toEqual([true, true]);
  });

  it('ends when there is a third text', async () => {
    const { text: former } = await tokens.create(publisher({ lifetimeMs: LIFETIME_MS.usual }));
    await overlapping();
    const { lifetime } = tokens.principalOf(former);
    await overlapping();
    expect(lifetime?.isOver).toBe(true);
  });

  it('does not last as long as the newer text', async () => {
    const { text: former } = await tokens.create(publisher({ lifetimeMs: LIFETIME_MS.usual }));
    const { text } = await overlapping();
    expect(tokens.principalOf(former).lifetime).not.toBe(tokens.principalOf(text).lifetime);
  });
});

describe('what cannot be', async () => {
  it.each([
    ['a name of nothing', () => tokens.create(publisher({ name: '' })), 'TOKEN_INVALID'],
    ['a name with a space', () => tokens.create(publisher({ name: 'hms api' })), 'TOKEN_INVALID'],
    ['a name of 64', () => tokens.create(publisher({ name: 'a'.repeat(64) })), 'TOKEN_INVALID'],
    ['a minute less a millisecond', () => tokens.create(publisher({ lifetimeMs: 59_999 })), 'TOKEN_INVALID'],
    ['more than a year', () => tokens.create(publisher({ lifetimeMs: 365 * DAY_MS + 1 })), 'TOKEN_INVALID'],
    ['to rotate what is not there', () => tokens.rotate('x', { overlapMs: 0, lifetimeMs: DAY_MS }), 'TOKEN_NOT_FOUND'],
    ['to revoke what is not there', () => tokens.revoke('x'), 'TOKEN_NOT_FOUND'],
  ])('%s', async (_what, act, code) => {
    expect(await refusal(act)).toBe(code);
    expect(tokens.list()).toEqual([]);
  });

  it('two of one name', async () => {
    const { text } = await tokens.create(publisher());
    expect(await refusal(() => tokens.create(publisher({ role: 'admin' })))).toBe('TOKEN_EXISTS');
    expect(tokens.principalOf(text).role).toBe('publisher');
  });

  it('an overlap of more than a week', async () => {
    await tokens.create(publisher());
    const overlapMs = OVERLAP_MS.most + 1;
    expect(await refusal(() => tokens.rotate('hms-api', { overlapMs, lifetimeMs: DAY_MS }))).toBe('TOKEN_INVALID');
  });

  it('a file that is no database: it says which, and what to do', async () => {
    tokens.close();
    const path = join(folder, 'access.db');
    writeFileSync(path, 'x'.repeat(4_096));
    expect(() => new TokenFile(folder)).toThrow(FolderError);
    expect(() => new TokenFile(folder)).toThrow(path);
    rmSync(path);
    tokens = await Tokens.open(new TokenFile(folder), () => nowMs);
  });
});
