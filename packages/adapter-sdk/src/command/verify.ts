import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { visibleJson, visibleLines, visibleText } from '@hms-sync/proto/visible-text';
import { findPackage } from '../testing/adapter-package.ts';
import { CHECKS } from '../testing/checks.ts';
import { packageSubject } from '../testing/definition-subject.ts';
import { readKit } from '../testing/kit.ts';
import { remoteSubject } from '../testing/remote-subject.ts';
import type { Subject } from '../testing/target.ts';
import { type Verdict, verify } from '../testing/verification.ts';
import { parseFlags, UsageError } from './usage.ts';

const options = {
  target: { type: 'string' },
  kit: { type: 'string' },
  only: { type: 'string', multiple: true },
  'token-env': { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof options>>;

/** `hms-adapter verify`: prints a line for each check. Returns 0 when none failed, else 1. */
export async function verifyAdapter(given: readonly string[]): Promise<number> {
  const flags = parseFlags(given, options);
  const { subject, folder } = await subjectOf(flags);
  const kit = await readKit(flags.kit ?? join(folder, 'verify.json'));
  const chosen = CHECKS.filter(({ name }) => flags.only === undefined || flags.only.includes(name));
  const unknown = flags.only?.find((name) => !CHECKS.some((check) => check.name === name));
  if (unknown !== undefined) {
    throw new UsageError(`unknown check ${unknown}; the checks are ${CHECKS.map(({ name }) => name).join(', ')}`);
  }
  if (!flags.json) process.stdout.write(`${visibleText(subject.name)}\n`);
  const counts = { passed: 0, failed: 0, 'not seen': 0 };
  const begin = performance.now();
  for await (const verdict of verify({ subject, kit }, chosen)) {
    counts[verdict.kind] += 1;
    process.stdout.write(flags.json ? `${visibleJson(JSON.stringify(verdict))}\n` : visibleLines(lineOf(verdict)));
  }
  const tookS = ((performance.now() - begin) / 1000).toFixed(1);
  if (!flags.json) {
    const parts = Object.entries(counts).filter(([kind, count]) => kind === 'passed' || count > 0);
    process.stdout.write(`${parts.map(([kind, count]) => `${count} ${kind}`).join(', ')} in ${tookS} s\n`);
  }
  return counts.failed === 0 ? 0 : 1;
}

async function subjectOf(flags: Flags): Promise<{ readonly subject: Subject; readonly folder: string }> {
  if (flags.target === undefined) {
    const found = await findPackage(process.cwd());
    return { subject: packageSubject(found), folder: found.folder };
  }
  const token = flags['token-env'] === undefined ? undefined : process.env[flags['token-env']];
  if (flags['token-env'] !== undefined && token === undefined) {
    throw new UsageError(`the environment variable ${flags['token-env']} is not set`);
  }
  const read = (file: string | undefined) => (file === undefined ? undefined : readFile(file, 'utf8'));
  const [ca, cert, key] = await Promise.all([read(flags.ca), read(flags.cert), read(flags.key)]);
  const tls = [ca, cert, key].every((pem) => pem === undefined) ? undefined : { ca, cert, key };
  return { subject: remoteSubject(flags.target, { token, tls }), folder: process.cwd() };
}

function lineOf(verdict: Verdict): string {
  const { kind, check, title } = verdict;
  const name = check.padEnd(18);
  switch (kind) {
    case 'passed':
      return `  ✓ ${name}${title} (${verdict.tookMs} ms)${verdict.note === undefined ? '' : `\n${indented(verdict.note)}`}\n`;
    case 'failed':
      return `  ✗ ${name}${title} (${verdict.tookMs} ms)\n${indented(verdict.why)}\n`;
    case 'not seen':
      return `  – ${name}not seen: ${verdict.why}\n`;
    default:
      return verdict satisfies never;
  }
}

function indented(text: string): string {
  return text
    .split('; ')
    .map((part) => `      ${part}`)
    .join('\n');
}
