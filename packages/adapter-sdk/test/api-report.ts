import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** A statement of a .d.ts file, without its comments. */
interface Statement {
  readonly file: string;
  readonly text: string;
  readonly exported: boolean;
}

/**
 * What the entry points of this package offer: the names that each exports, and once each declaration that they are or
 * refer to, as TypeScript emits it.
 *
 * @param entries sources below src by the names of their exports: `{ '.': 'index.ts' }`.
 */
export async function apiReport(entries: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-api-'));
  try {
    await emitDeclarations(folder);
    const files = Object.values(entries).map((source) => join(folder, source.replace(/\.ts$/, '.d.ts')));
    const statements = await statementsFrom(files, folder);
    const offered = await Promise.all(files.map((file) => namesOf(file, { statements, folder })));
    const lists = Object.keys(entries).map((entry, index) => {
      const names = offered[index] ?? [];
      return `## \`${join('@hms-sync/adapter-sdk', entry)}\`\n\n${names.map((name) => `- ${name}\n`).join('')}`;
    });
    const declarations = reachedFrom(offered.flat(), statements).map((name) => statements.get(name)?.text ?? '');
    return `${lists.join('\n')}\n## Declarations\n\n\`\`\`ts\n${declarations.join('\n\n')}\n\`\`\`\n`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function emitDeclarations(outDir: string): Promise<void> {
  const tsc = join(packageFolder, '../../node_modules/.bin/tsc');
  const flags = ['--emitDeclarationOnly', '--outDir', outDir];
  // Types that do not check are `npm run typecheck`'s affair; declarations are emitted all the same.
  await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json', ...flags], { cwd: packageFolder }).catch(
    () => undefined,
  );
}

/** The names that a file exports: its own, and those that it hands on. */
async function namesOf(file: string, { statements, folder }: { statements: Statements; folder: string }) {
  const lists = [...(await readFile(file, 'utf8')).matchAll(/^export (?:type )?\{([^}]*)\}/gm)];
  const handedOn = lists.flatMap(([, list = '']) =>
    list.split(',').map((name) => name.replace(/^\s*type\s+/, '').trim()),
  );
  const own = [...statements].filter(([, { exported, file: at }]) => exported && join(folder, at) === file);
  return [...new Set([...handedOn.filter((name) => name !== ''), ...own.map(([name]) => name)])].sort();
}

/** The names, and those that their declarations refer to, and so on. */
function reachedFrom(names: readonly string[], statements: Statements): readonly string[] {
  const reached = new Set(names);
  for (const name of reached) {
    const words = statements.get(name)?.text.match(/[A-Za-z_]\w*/g) ?? [];
    for (const word of words) if (statements.has(word)) reached.add(word);
  }
  return [...reached].sort();
}

type Statements = ReadonlyMap<string, Statement>;

/** Every top-level statement of some files and of those that they import within the package, by what it declares. */
async function statementsFrom(entries: readonly string[], folder: string): Promise<Statements> {
  const statements = new Map<string, Statement>();
  const files = [...entries];
  for (const file of files) {
    const text = (await readFile(file, 'utf8')).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const statement of text.split(/^(?=(?:export|declare|import|interface|type|class|abstract|const)\b)/m)) {
      const [, path] = /from '(\.[^']+)'/.exec(statement) ?? [];
      const imported = path === undefined ? undefined : join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts'));
      if (imported !== undefined && !files.includes(imported)) files.push(imported);
      const [, exported, name] =
        /^(export )?(?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)/.exec(statement) ?? [];
      if (name === undefined) continue;
      const tidy = statement.replaceAll(/^\s*\n/gm, '').trimEnd();
      statements.set(name, { file: relative(folder, file), text: tidy, exported: exported !== undefined });
    }
  }
  return statements;
}
