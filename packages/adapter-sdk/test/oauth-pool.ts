import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished, vi } from 'vitest';
import type { OAuthOptions } from '../src/http/oauth.ts';
import { externalSystem } from './external-system.ts';
import { poolFor } from './pools.ts';

/** What a system or a token endpoint does with a request. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

const takes: Answer = (response) => response.end('taken');
/** Gives out a token. */
export const gives =
  (token = 'token-1', fields: object = { expires_in: 300 }): Answer =>
  (response) =>
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', ...fields }));

/** Answers by the number of the request, from 1. */
export const counting = (answer: (n: number) => Answer): Answer => {
  let n = 0;
  return (response, request) => {
    n += 1;
    return answer(n)(response, request);
  };
};

/** A system, its token endpoint, and a pool that uses both. */
export async function oauthPool(
  answers: { readonly token?: Answer; readonly system?: Answer },
  options: Partial<OAuthOptions> = { clientSecret: 'hunter2' },
) {
  const endpoint = await externalSystem(answers.token ?? gives());
  const system = await externalSystem(answers.system ?? takes);
  onTestFinished(async () => {
    await endpoint[Symbol.asyncDispose]();
    await system[Symbol.asyncDispose]();
  });
  const oauth = { tokenUrl: `${endpoint.baseUrl}/token?tenant=7`, clientId: 'hms:sync', ...options };
  return { pool: poolFor(system.baseUrl, { oauth }), endpoint, system, oauth };
}

/** Turns the clock to each of some moments from now. */
export function* later(...momentsMs: readonly number[]) {
  const begin = performance.now();
  const clock = vi.spyOn(performance, 'now');
  onTestFinished(() => clock.mockRestore());
  for (const atMs of momentsMs) yield () => clock.mockReturnValue(begin + atMs);
}
