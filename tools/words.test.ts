import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './root.ts';

/** Words that readers of this field would not use, and what to write instead. Whole words, in any case. */
const WORDS: Readonly<Record<string, string>> = {
  'mend(s|ed|ing)?': 'fix',
  anew: 'again',
  'told|tells?|telling': 'report, return, send, notify',
  'outside systems?': 'external system',
  'a person': 'an operator, a user, an author',
  'for good': 'permanently',
  'look(s|ed|ing)? on': 'watch, tail',
};

/** Written by tools or by others; and this list. */
const EXEMPT =
  /^(proto\/gen|examples\/adapter-python\/generated)\/|(^|\/)(package-lock\.json|LICENSE|CHANGELOG\.md|words\.test\.ts)$/;

const texts = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  .toString()
  .split('\0')
  .filter((path) => path !== '' && !EXEMPT.test(path) && existsSync(join(root, path)))
  .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n') }));

test.each(Object.entries(WORDS))('no text says "%s", but: %s', (pattern) => {
  const word = new RegExp(`\\b(${pattern})\\b`, 'i');
  const found = texts.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (word.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
  expect(found).toEqual([]);
});
