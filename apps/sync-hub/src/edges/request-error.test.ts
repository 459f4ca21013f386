import { readFileSync } from 'node:fs';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { describe, expect, it } from 'vitest';
import { errorAnswer } from './http/sync-answer.ts';
import { REQUEST_ERRORS, RequestError, type RequestErrorReason } from './request-error.ts';
import { toConnectError } from './rpc/connect-error.ts';

const errorsPage = new URL('../../../../docs/errors.md', import.meta.url);
const reasons = Object.keys(REQUEST_ERRORS) as RequestErrorReason[];

/** The cells of each row of the page's table, without its head. */
const rows = readFileSync(errorsPage, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

describe('docs/errors.md', () => {
  it('lists every reason with its gRPC and HTTP status, in the order of the code, and no other', () => {
    const listed = rows.map(([reason, status, httpStatus]) => ({ reason, status, httpStatus }));
    expect(listed).toEqual(
      reasons.map((reason) => ({
        reason: `\`${reason}\``,
        status: REQUEST_ERRORS[reason].code.toUpperCase(),
        httpStatus: String(REQUEST_ERRORS[reason].httpStatus),
      })),
    );
  });

  it.each(rows)('says what %s means and what to do', (...cells) => {
    const [, , , meaning, remedy, ...rest] = cells;
    expect(meaning).toMatch(/^[A-Z].*\.$/);
    expect(remedy).toMatch(/^[A-Z].*\.$/);
    expect(rest).toEqual([]);
  });
});

describe.each(reasons)('%s', (reason) => {
  const rejection = new RequestError(reason, 'field is wrong', {
    fields: [{ field: 'event.key', description: 'is wrong' }],
    retryAfterMs: 1_500,
    metadata: { cursor: 'abc-1' },
  });

  it('ends an rpc with its status and google.rpc details', () => {
    const error = toConnectError(rejection);
    expect(error.code).toBe(codeFromString(REQUEST_ERRORS[reason].code));
    expect(error.details).toMatchObject([
      { value: { reason, domain: 'hms-sync', metadata: { cursor: 'abc-1' } } },
      { value: { fieldViolations: [{ field: 'event.key', description: 'is wrong' }] } },
      { value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
    ]);
  });

  it('answers a plain HTTP request with its status and says when to come again', () => {
    const { code, httpStatus } = REQUEST_ERRORS[reason];
    const fields = [{ field: 'event.key', description: 'is wrong' }];
    expect(errorAnswer(rejection)).toEqual({
      status: httpStatus,
      headers: { 'retry-after': '2', ...(httpStatus === 401 && { 'www-authenticate': 'Bearer realm="hms-sync"' }) },
      body: { status: 'refused', code, reason, message: 'field is wrong', fields },
    });
  });
});
