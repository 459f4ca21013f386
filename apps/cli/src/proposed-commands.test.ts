import { readFileSync } from 'node:fs';
import { glob, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { faultOf } from '../test/command-fault.ts';
import { createProgram } from './program.ts';
import { requireKnownCommand } from './unknown-command.ts';

// Messages and pages propose commands. Here all of them are collected from the sources and given to the grammar of the
// command itself, through a shell, so that one which is no longer true, or needs an option that it lacks, is noticed.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const text = (path: string) => readFileSync(`${root}/${path}`, 'utf8');

async function files(...patterns: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const path of glob([...patterns], { cwd: root, exclude: ['**/node_modules/**'] })) found.push(path);
  return found.filter((path) => !/\.(test|suite|fixture|bench)\.ts$/.test(path)).sort();
}

/** The calls of commandLine in a source, as lines: what is known only when it runs is `x`. */
function composed(source: string): readonly string[] {
  return [...source.matchAll(/(?<!function )commandLine\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g)].flatMap(
    ([, list = '']) => {
      const isArray = list.trimStart().startsWith('[');
      const inner = isArray ? list.trimStart().slice(1, list.trimStart().lastIndexOf(']')) : list;
      const parts = inner.match(/'[^']*'|`[^`]*`|(?:\.\.\.)?[\w.]+(?:\([^()]*\))?/g) ?? [];
      // The words of a list that was made elsewhere are not known here.
      if (!/^['`]/.test(parts[0] ?? '')) return [];
      const words = parts.flatMap((part) => {
        if (part === '...REASON') return ['--reason', "'<why>'"];
        if (part.startsWith('...sourceFlag(')) return ['--source', 'x'];
        if (part.startsWith('...')) return [];
        return [/^['`]/.test(part) ? `'${part.slice(1, -1).replace(/\$\{[^}]*\}/g, 'x')}'` : 'x'];
      });
      return [['hms-sync', ...words].join(' ')];
    },
  );
}

/** Commands that stand in a text of a source as they are. */
function written(source: string): readonly string[] {
  const code = source.replaceAll(/^\s*(\*|\/\/|\/\*\*).*$/gm, '').replaceAll(/Usage: [^\n]*/g, '');
  return [...code.matchAll(/(?<![\w@./-])hms-sync ([a-z][a-z-]*(?: [^"`;,)|\n]*)?)/g)].map(([, rest = '']) => {
    const words = rest.replaceAll(/\$\{[^}]*\}/g, 'x').replace(/\\n.*$/, '');
    return `hms-sync ${words.replace(/'[^']*$/, (tail) => ((words.split("'").length - 1) % 2 === 1 ? '' : tail))}`.trim();
  });
}

/** Commands in the shell blocks of a page; a name in angle brackets is the reader's to fill in. */
function shown(page: string): readonly string[] {
  const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    [...block.replaceAll('\\\n', ' ').matchAll(/^(?:npx )?hms-sync [^|\n]*/gm)].map(([line]) =>
      line
        .replace(/^npx /, '')
        .replaceAll(/<[^>]+>/g, 'x')
        .replace(/ >.*$/, ''),
    ),
  );
}

/** What the page says to put into contexts.yaml is there. */
async function useContextsOf(page: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-contexts-'));
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
  await mkdir(join(folder, 'hms-sync'));
  const [, yaml = ''] = /^```yaml\n(prod: .*?)^```$/ms.exec(text(page)) ?? [];
  await writeFile(join(folder, 'hms-sync', 'contexts.yaml'), yaml, { mode: 0o600 });
}

describe('a command that is proposed', () => {
  test('in a message of the hub, the command or the SDK works when it is pasted', async () => {
    const sources = await files('apps/{sync-hub,cli}/src/**/*.ts', 'packages/*/src/**/*.ts');
    const lines = sources.flatMap((path) =>
      [...composed(text(path)), ...written(text(path))].map((line) => [path, line] as const),
    );
    expect(lines.length).toBeGreaterThan(25);
    const wrong: string[] = [];
    for (const [path, line] of lines) {
      const why = await faultOf(line);
      if (why !== undefined) wrong.push(`${path}: ${line}: ${why}`);
    }
    expect(wrong).toEqual([]);
  });

  test('within a sentence of a page exists', async () => {
    const pages = await files('*.md', 'docs/*.md', '{apps,packages,examples}/*/README.md');
    const lines = pages.flatMap((path) =>
      [...text(path).matchAll(/`(?:npx\s+)?hms-sync ([^`]+)`/g)].map(([, rest = '']) => [path, rest] as const),
    );
    expect(lines.length).toBeGreaterThan(25);
    const program = createProgram(captureTerminal());
    for (const [path, rest] of lines) {
      expect(() => requireKnownCommand(program, rest.split(/\s+/)), `${path}: ${rest}`).not.toThrow();
    }
  });

  test('by a page works when it is pasted', async () => {
    await useContextsOf('docs/operate.md');
    const pages = await files('*.md', 'docs/*.md', '{apps,packages,examples}/*/README.md');
    const lines = pages.flatMap((path) => shown(text(path)).map((line) => [path, line] as const));
    expect(lines.length).toBeGreaterThan(15);
    const wrong: string[] = [];
    for (const [path, line] of lines) {
      const why = await faultOf(line);
      if (why !== undefined) wrong.push(`${path}: ${line}: ${why}`);
    }
    expect(wrong).toEqual([]);
  });
});
