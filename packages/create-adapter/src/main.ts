import { relative, resolve } from 'node:path';
import { adapterName, NameError } from './adapter-name.ts';
import { readCommandLine, USAGE, UsageError } from './command-line.ts';
import { createAdapter, FolderError } from './create-adapter.ts';
import { install } from './install.ts';
import { NODE_MIN, releases } from './releases.ts';

/** `npm create @hms-sync/adapter`. Exit codes: 0 created; 1 not created, or npm install failed; 2 wrong usage. */
try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const asked = error instanceof UsageError || error instanceof NameError;
  if (!asked && !(error instanceof FolderError)) throw error;
  process.stderr.write(`create-adapter: ${error.message}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}`);
  process.exitCode = asked ? 2 : 1;
}

async function run(args: readonly string[]): Promise<number> {
  const asked = readCommandLine(args);
  if (asked === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  const name = adapterName(asked.name);
  const folder = resolve(asked.dir ?? name.folder);
  const bringsNode = isOlder(process.versions.node, NODE_MIN);
  const description = asked.description ?? `Delivers HMS events to the ${name.id} system`;
  const files = await createAdapter(folder, { name, description, kind: 'package', bringsNode });

  const shown = relative(process.cwd(), folder) || '.';
  say(`${name.packageName} 0.1.0 in ${shown}:`, ...files.map((path) => `  ${path}`).sort());
  if (bringsNode) {
    say(
      '',
      `This is Node ${process.versions.node}; adapters need ${NODE_MIN} or newer. The package has Node ${releases().node} as a`,
      'devDependency, for its npm scripts. Remove it when your Node is new enough; until then, ignore the EBADENGINE',
      'warnings of npm.',
    );
  }
  if (asked.install) say('', 'npm install');
  const installed = asked.install && (await install(folder));
  if (asked.install && !installed) {
    process.stderr.write('create-adapter: npm install failed, see above; the files were created\n');
  }
  say(
    '',
    'Next:',
    ...(shown === '.' ? [] : [`  cd ${shown.includes(' ') ? `'${shown}'` : shown}`]),
    ...(installed ? [] : ['  npm install']),
    '  npm test                                        # type check and conformance tests',
    '  npm run dev                                     # a hub, this adapter, a stand-in for its system',
    '  npm run dev -- --chaos latency=2s,fail=30%      # the same with injected faults',
    'Then set in src/adapter.ts where events are posted, and in src/mapping.ts what is posted.',
  );
  return asked.install && !installed ? 1 : 0;
}

function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function isOlder(version: string, needed: string): boolean {
  const numbers = version.split('.').map(Number);
  for (const [index, least] of needed.split('.').map(Number).entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number < least;
  }
  return false;
}
