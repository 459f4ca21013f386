/**
 * Who may import whom. `npm run lint` holds the tree to it (dependency-cruiser, on resolved paths), and
 * boundaries.test.ts sees every rule refuse. Arrows point inward: edges -> (acks, lanes, the journal's port) -> core.
 *
 * Processes are no imports: the command starts the hub by import.meta.resolve('@hms-sync/sync-hub/main'), which is fine.
 */
import type { IConfiguration, IForbiddenRuleType } from 'dependency-cruiser';

type Rule = IForbiddenRuleType;

const hub = '^apps/sync-hub/';
const room = (name: string) => `${hub}src/${name}/`;

/** Tests, benches, shared suites, fixtures, and what only they use. They may reach for fakes and test tools, sources may not. */
const proof =
  '(\\.(test|bench|suite|fixture)\\.ts$|^(apps|packages)/[^/]+/(test|sim)/|^(conformance|testing)/|/vitest\\.config\\.ts$)';
const testTools = '(^|/)node_modules/(vitest|fast-check)/';

/** The one file that wires things together; it starts a process, so nobody can import it without starting one. */
const main = `${hub}src/main\\.ts$`;

/** The program of `hms-sync start`: a process, and all that it imports is main.ts. */
const start = `${hub}src/start(\\.test)?\\.ts$`;

/** The programs of `hms-sync journal verify` and `copy`: processes too, over journals alone. */
const journalPrograms = `${hub}src/(verify|copy)(\\.test)?\\.ts$`;

/** The program of `hms-sync adapter check`: a process too, over the configuration and the adapters' folder. */
const checkAdapters = `${hub}src/check-adapters(\\.test)?\\.ts$`;

/** The program of `hms-sync audit verify --data-dir`: a process too, over the files of the audit log alone. */
const checkAudit = `${hub}src/check-audit(\\.test)?\\.ts$`;

/** Parts of the composition, for main.ts alone: the journal, and the lanes and runtimes of adapters. */
const composition = `${hub}src/(open-journal|adapter-lanes|shared-lanes)\\.ts$`;

/** Beside it: turns every room's errors into exit codes, so it sees every room. */
const exit = `${hub}src/exit(\\.test)?\\.ts$`;

/** The journal's port, and the data that goes through it. */
const journalPort = `${room('journal')}(journal|journal-error|cluster-journal|delivery-filter|delivery-page|positions|replay-job)\\.ts$`;

/** Every room of the hub (boundaries.test.ts), and what its sources see of the others. What is not named is refused. */
export const rooms: Record<string, string[]> = {
  core: [],
  tls: [],
  files: [],
  access: [room('files')],
  queues: [],
  journal: [room('core'), room('files'), `${room('access')}(token-store|access-error)\\.ts$`],
  runtimes: [room('core')],
  acks: [room('core'), room('queues'), journalPort],
  lanes: [room('core'), `${room('journal')}journal(-error)?\\.ts$`, `${room('runtimes')}runtime\\.ts$`],
  cluster: [room('core'), room('lanes'), journalPort, `${room('runtimes')}runtime\\.ts$`],
  operations: [room('core'), room('files'), room('lanes'), room('queues'), journalPort],
  edges: [...['access', 'audit', 'core', 'acks', 'lanes', 'operations', 'installs', 'queues'].map(room), journalPort],
  config: [
    room('core'),
    `${room('access')}(permissions|caller-limits|client-certificate|grant-rules|jwt)\\.ts$`,
    `${room('installs')}(adapters-lock|package-spec)\\.ts$`,
    room('tls'),
  ],
  installs: [room('core'), room('files'), room('lanes'), `${room('runtimes')}(runtime|manifest|entry-file)\\.ts$`],
  audit: [room('access'), room('files')],
  telemetry: [],
};

/** Real implementations behind ports: chosen in main.ts, seen elsewhere only by the files that make them up. */
const implementations = [
  'journal/(sqlite/(?!inline-journal\\.ts$)|postgres/|integrity/|copy/)',
  'runtimes/(inline|process|remote)/',
  'edges/door/listener\\.ts$',
];
/** Made of the same parts as the real one, for tests and the simulation. */
const inlineJournal = `${room('journal')}sqlite/inline-journal\\.ts$`;
/** They change what they import, to see the simulation fail. */
const mutants = `${hub}sim/mutants/`;
const proofBeside = `${hub}src/(journal|runtimes|edges)/.*${proof}`;

/** Every project, and the workspace packages that it sees beside itself. What is not named here sees none. */
const projects: Record<string, string[]> = {
  // Its stand-in for `hms-sync dev` is that of the kit.
  'apps/cli': ['proto', 'packages/adapter-sdk'],
  'apps/sandbox': ['packages/adapter-sdk'],
  // Its tests alone: what ships imports nothing of testing.
  'apps/sync-hub': ['proto', 'packages/adapter-sdk', 'testing'],
  bench: ['proto', 'packages/adapter-sdk', 'testing'],
  // Its fixtures are adapters.
  'conformance(?!/fixtures/)': ['proto', 'apps/sandbox', 'testing'],
  'conformance/fixtures/packages/[^/]+': ['packages/adapter-sdk'],
  'examples/(?!adapter-|cluster/)[^/]+': ['proto'],
  // It runs what it shows: hubs as processes, a PostgreSQL of npm, and networks that fail.
  'examples/cluster': ['proto', 'apps/sandbox', 'testing'],
  // In other languages: their tests have the kit.
  'examples/adapter-[^/]+': ['packages/adapter-sdk'],
  'packages/adapter-(?!sdk/)[^/]+': ['packages/adapter-sdk'],
  'packages/adapter-sdk': ['proto'],
  // The code of an adapter that somebody begins with; what makes it of that sees nothing.
  'packages/create-adapter/template': ['packages/adapter-sdk'],
};

const anyProject = '^(apps/[^/]+|packages/[^/]+|examples/[^/]+|proto|bench|conformance|testing|tools)/';

const projectRules: Rule[] = Object.entries(projects).map(([project, seen]) => ({
  name: `${project
    .replace(/\(\?!.*?\)/, '')
    .replace('[^/]+', '*')
    .replaceAll('/', '-')}-sees`,
  comment: `${project} may import ${seen.join(' and ')} of the workspace, and nothing else`,
  // $1 is the project itself, whichever it is.
  from: { path: `^(${project})/` },
  to: { path: anyProject, pathNot: ['^$1/', ...seen.map((name) => `^${name}/`)] },
}));

const roomRules: Rule[] = Object.entries(rooms).map(([name, seen]) => ({
  name: `${name}-sees`,
  comment: `${name}/ may import ${seen.length === 0 ? 'no other room' : seen.join(', ')} of the hub`,
  from: { path: room(name), pathNot: proof },
  to: { path: `${hub}(?!node_modules/)`, pathNot: [room(name), ...seen] },
}));

const rules: Rule[] = [
  {
    name: 'core-imports-nothing',
    comment: 'core is pure functions and data: it imports core alone, no node: module and no package',
    from: { path: room('core'), pathNot: proof },
    to: { pathNot: room('core') },
  },
  {
    name: 'core-tests-import-core',
    comment: "core's tests need core, its simulation and a test tool, nothing else",
    from: { path: `${room('core')}.*${proof}` },
    to: { pathNot: [room('core'), `${hub}sim/`, testTools] },
  },
  {
    name: 'only-breaker-imports-opossum',
    comment: 'lanes/breaker.ts is the one place that knows how opossum behaves',
    from: { pathNot: `${room('lanes')}breaker\\.ts$` },
    to: { path: '(^|/)(@types/)?opossum(/|$)' },
  },
  {
    name: 'main-is-a-process',
    comment:
      'start.ts, verify.ts, copy.ts, check-adapters.ts and check-audit.ts run when they are imported: start them as processes',
    from: { pathNot: start },
    to: { path: [main, start, journalPrograms, checkAdapters, checkAudit] },
  },
  {
    name: 'only-main-composes',
    comment: 'implementations are chosen in main.ts: import the port instead',
    from: {
      path: hub,
      pathNot: [
        ...[main, composition, journalPrograms, exit, proofBeside, inlineJournal, mutants],
        ...implementations.map((path) => `${hub}src/${path}`),
      ],
    },
    to: { path: implementations.map((path) => `${hub}src/${path}`) },
  },
  {
    name: 'inline-journal-is-for-tests',
    comment: 'a hub opens its journal on a file: sqlite-journal.ts; the one in memory is for tests and the simulation',
    from: { path: hub, pathNot: proof },
    to: { path: inlineJournal },
  },
  {
    name: 'simulation-without-fixtures',
    comment: 'the simulation runs what ships, and builds the rest itself: it imports no fixture of a test',
    from: { path: `${hub}sim/` },
    to: { path: '\\.(suite|fixture)\\.ts$' },
  },
  {
    name: 'edges-are-apart',
    comment: 'what edges/http and edges/rpc share is in edges/ or edges/publishing/, which imports neither',
    from: { path: `${room('edges')}(http|rpc|publishing)/`, pathNot: proof },
    to: { path: `${room('edges')}(http|rpc)/`, pathNot: `${room('edges')}$1/` },
  },
  ...roomRules,
  ...projectRules,
  {
    name: 'project-sees',
    comment: 'a project that tools/boundaries.ts does not name imports nothing of the workspace',
    from: { path: anyProject, pathNot: [...Object.keys(projects).map((project) => `^${project}/`), '^tools/'] },
    to: { path: anyProject, pathNot: '^$1/' },
  },
  {
    name: 'no-way-round-exports',
    comment: 'another project is imported by its package name, so that its exports are the only door',
    from: { path: anyProject },
    to: { path: anyProject, pathNot: '^$1/', dependencyTypes: ['local'] },
  },
  {
    name: 'sources-without-tests',
    comment: 'what ships imports no test, no fake of a test, no test tool',
    from: { path: '/src/', pathNot: proof },
    to: { path: [proof, testTools], pathNot: '^testing/' },
  },
  {
    name: 'ships-without-testing',
    comment: 'what ships has no PostgreSQL of npm and no disturbed network: these are for tests, benches and examples',
    from: { path: '^(apps|packages|proto)/', pathNot: proof },
    to: { path: '^testing/' },
  },
  {
    name: 'no-circles',
    comment:
      'two files that need each other are one file, or hide a third; a type that they share belongs to one of them',
    from: {},
    to: { circular: true },
  },
  {
    name: 'found',
    comment: 'an import that cannot be resolved is checked by no rule: is the path right, the package installed?',
    from: {},
    to: { couldNotResolve: true },
  },
];

export const boundaries: IConfiguration = {
  forbidden: rules.map((rule) => ({ ...rule, severity: 'error' })),
  options: {
    // Reads import types, export types and using declarations; see with-typescript-6.ts.
    parser: 'tsc',
    // Types count: an import of a type is an arrow between rooms too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['(^|/)node_modules/'] },
    exclude: { path: ['(^|/)dist/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@hms-sync/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
