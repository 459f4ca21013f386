import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { STATUS_RULES } from '../src/http/status-rule.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const guide = read('../../../docs/write-an-adapter.md');
/** Kept true to the types by api-report.test.ts. */
const report = read('../etc/adapter-sdk.api.md');

/** The members of an interface, and of those that it extends. */
function membersOf(name: string): readonly string[] {
  const [, parents = '', body = ''] =
    new RegExp(`^(?:export )?interface ${name}(?:<[\\w, ]+>)?(?: extends ([\\w, ]+))? \\{\\n(.*?)^\\}`, 'ms').exec(
      report,
    ) ?? [];
  const own = [...body.matchAll(/^ {4}(?:readonly )?(\w+)/gm)].map(([, member = '']) => member);
  const inherited = parents.split(', ').filter((parent) => parent !== '');
  return [...inherited.flatMap(membersOf), ...own];
}

/** What stands between backticks in the first column of the table whose heading names the type. */
function documented(name: string): readonly string[] {
  const [table = ''] = new RegExp(`^\\| [^|\\n]*\`${name}\`[^\\n]*\\n(\\|.*\\n)+`, 'm').exec(guide) ?? [];
  return table
    .split('\n')
    .slice(2)
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)/g)].map(([, member = '']) => member));
}

it.each([
  ['AdapterEvent'],
  ['PushContext'],
  ['OpenContext'],
  ['HttpPool'],
  ['HttpRequest'],
  ['HttpAnswer'],
  ['PoolOptions'],
  ['OAuthOptions'],
  ['TlsOptions'],
  ['ThrottledOptions'],
  ['AdapterParts', 'Push', 'PushBatch'],
  ['WebhookOptions'],
  ['Kit'],
])('the guide lists each member of %s, and no other', (...names) => {
  const members = names.flatMap(membersOf);
  expect(members.length).toBeGreaterThan(0);
  expect([...documented(names[0] ?? '')].sort()).toEqual([...members].sort());
});

it.each(['pushBatch', 'pool.request', 'receiptOf', 'eventAsJson', 'remainingMs'])('the guide mentions %s', (name) => {
  expect(guide).toContain(name);
});

it('the guide has the table of all statuses, as the code has it', () => {
  const name = (from: number, to: number) => {
    if (from === to) return String(from);
    return from === 400 || from === 500 ? `any other ${from / 100}xx` : `${from / 100}xx`;
  };
  const rows = STATUS_RULES.map(({ from, to, outcome, withRetryAfter, why }) => {
    const more = withRetryAfter === undefined ? '' : `; with \`Retry-After\` ${withRetryAfter}`;
    return `| ${name(from, to)} | ${outcome}${more} | ${why} |`;
  });
  expect(guide).toContain(rows.join('\n'));
});
