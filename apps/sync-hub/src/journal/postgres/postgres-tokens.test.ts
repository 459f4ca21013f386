import { useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { AccessError } from '../../access/access-error.ts';
import { Tokens } from '../../access/tokens.ts';
import { openPostgresJournal } from './postgres-journal.ts';
import { PostgresTokens } from './postgres-tokens.ts';

const DAY_MS = 86_400_000;
const NEW = { role: 'publisher', grants: { sources: ['hms-api'] }, createdBy: 'local', lifetimeMs: DAY_MS } as const;
const ROTATION = { overlapMs: DAY_MS, lifetimeMs: DAY_MS };
/** Each hub reads four times a second; a machine that is busy takes longer. */
const SOON = { timeout: 20_000, interval: 5 };

/** The tokens of one more hub. */
async function openHub(url: string): Promise<Tokens> {
  const journal = await openPostgresJournal({ url });
  onTestFinished(() => journal.close());
  const tokens = await Tokens.open(journal.tokenStore, Date.now);
  onTestFinished(() => tokens.close());
  return tokens;
}

async function execute(url: string, statements: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(statements);
  await client.end();
}

/** How a text is refused, or the name of its token. */
function answer(tokens: Tokens, text: string): string {
  try {
    return tokens.principalOf(text).name;
  } catch (error) {
    return (error as AccessError).code;
  }
}

it('a token of one hub works at every hub, also at one that starts later', async () => {
  const url = await useDatabase();
  const [one, other] = [await openHub(url), await openHub(url)];
  const { text, token } = await one.create({ name: 'hms-api', ...NEW });
  expect(answer(one, text)).toBe('hms-api');
  await vi.waitFor(() => expect(answer(other, text)).toBe('hms-api'), SOON);
  expect(other.principalOf(text)).toMatchObject({ role: 'publisher', grants: NEW.grants, credential: token.id });
  expect(answer(await openHub(url), text)).toBe('hms-api');
});

it('a token that is revoked at one hub ends at every hub, with what was opened by it', async () => {
  const url = await useDatabase();
  const [one, other] = [await openHub(url), await openHub(url)];
  const { text } = await one.create({ name: 'hms-api', ...NEW });
  await vi.waitFor(() => expect(answer(other, text)).toBe('hms-api'), SOON);
  const { lifetime } = other.principalOf(text);
  await one.revoke('hms-api');
  expect(answer(one, text)).toBe('CREDENTIAL_REFUSED');
  await vi.waitFor(() => expect(lifetime?.isOver).toBe(true), SOON);
  expect(answer(other, text)).toBe('CREDENTIAL_REFUSED');
  expect(answer(await openHub(url), text)).toBe('CREDENTIAL_REFUSED');
  // Its name is free, at both.
  await other.create({ name: 'hms-api', ...NEW });
});

it('a token that is rotated at one hub has both texts at every hub, and what was opened goes on', async () => {
  const url = await useDatabase();
  const [one, other] = [await openHub(url), await openHub(url)];
  const { text: former } = await one.create({ name: 'hms-api', ...NEW });
  await vi.waitFor(() => expect(answer(other, former)).toBe('hms-api'), SOON);
  const { lifetime } = other.principalOf(former);
  const { text } = await one.rotate('hms-api', ROTATION);
  await vi.waitFor(() => expect(answer(other, text)).toBe('hms-api'), SOON);
  expect(answer(other, former)).toBe('hms-api');
  expect(lifetime?.isOver).toBe(false);
  await one.rotate('hms-api', { ...ROTATION, overlapMs: 0 });
  await vi.waitFor(() => expect(lifetime?.isOver).toBe(true), SOON);
  expect(answer(other, text)).toBe('CREDENTIAL_REFUSED');
});

it('of two hubs that create a token of one name, one does', async () => {
  const url = await useDatabase();
  const hubs = [await openHub(url), await openHub(url)];
  const created = await Promise.allSettled(hubs.map((hub) => hub.create({ name: 'hms-api', ...NEW })));
  expect(created.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(created.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'TOKEN_EXISTS' } });
});

it('a token that one hub revokes is not revived by another that changes it at the same time', async () => {
  const url = await useDatabase();
  const [one, other] = [await openHub(url), await openHub(url)];
  const { text } = await one.create({ name: 'hms-api', ...NEW });
  await vi.waitFor(() => expect(answer(other, text)).toBe('hms-api'), SOON);
  await Promise.allSettled([
    one.revoke('hms-api'),
    other.rotate('hms-api', ROTATION),
    other.rotate('hms-api', ROTATION),
  ]);
  const later = await openHub(url);
  expect(later.list()).toMatchObject([{ revokedAtMs: expect.any(Number) }]);
  expect(answer(later, text)).toBe('CREDENTIAL_REFUSED');
});

it('a database that lost its last moments has the say: what it does not know ends', async () => {
  const url = await useDatabase();
  const journal = await openPostgresJournal({ url });
  onTestFinished(() => journal.close());
  const tokens = await Tokens.open(journal.tokenStore, Date.now);
  onTestFinished(() => tokens.close());
  const { text: kept } = await tokens.create({ name: 'kept', ...NEW });
  const { text: lost } = await tokens.create({ name: 'lost', ...NEW });
  const { lifetime } = tokens.principalOf(lost);
  await execute(url, `DELETE FROM hms_sync.token WHERE name = 'lost'`);
  journal.hubs.reconnect();
  await vi.waitFor(() => expect(lifetime?.isOver).toBe(true), SOON);
  expect(answer(tokens, lost)).toBe('CREDENTIAL_REFUSED');
  expect(answer(tokens, kept)).toBe('kept');
});

it('the text of a token is nowhere in the database', async () => {
  const url = await useDatabase();
  const { text } = await (await openHub(url)).create({ name: 'hms-api', ...NEW });
  const client = new Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  const { rows } = await client.query('SELECT * FROM hms_sync.token');
  const [, , secret = ''] = text.split('_');
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(secret.slice(0, 12));
});

it('a change that the database does not answer is unknown', async () => {
  const url = await useDatabase();
  const journal = await openPostgresJournal({ url });
  const tokens = await Tokens.open(journal.tokenStore, Date.now);
  onTestFinished(() => tokens.close());
  onTestFinished(() => journal.close());
  await execute(url, 'DROP FUNCTION hms_sync.save_token');
  await expect(tokens.create({ name: 'hms-api', ...NEW })).rejects.toMatchObject({ code: 'TOKENS_UNAVAILABLE' });
});

it('tokens that could not be read again for a minute are neither valid nor refused', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let isAway = false;
  let saved: unknown;
  const store = new PostgresTokens({
    session: 1,
    rows: async <Row>(name: string, _text: string, values: readonly unknown[]) => {
      if (isAway) throw new Error('the connection ended');
      if (name === 'save_token') {
        saved = [values[4], 1];
        return [[1]] as Row[];
      }
      return (saved === undefined || values[0] === 1 ? [] : [saved]) as Row[];
    },
  });
  const tokens = await Tokens.open(store, Date.now);
  onTestFinished(() => tokens.close());
  await vi.advanceTimersByTimeAsync(120_000);
  const { text } = await tokens.create({ name: 'hms-api', ...NEW });
  isAway = true;
  await vi.advanceTimersByTimeAsync(59_000);
  expect(answer(tokens, text)).toBe('hms-api');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(answer(tokens, text)).toBe('TOKENS_UNAVAILABLE');
  expect(answer(tokens, 'letmein')).toBe('CREDENTIAL_REFUSED');
  isAway = false;
  await vi.advanceTimersByTimeAsync(250);
  expect(answer(tokens, text)).toBe('hms-api');
});
