// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_RETRY } from '../core/retry.ts';
import { DEFAULT_BREAKER } from '../lanes/breaker.ts';
import { type ConfigSources, loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-config-'));
  file = join(folder, 'hms-sync.yaml');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Loads a configuration with this text as its file. */
async function load(text: string, { env = {}, flags = {} }: Partial<Omit<ConfigSources, 'file'>> = {}) {
  await writeFile(file, text);
  return loadConfig({ file, env, flags });
}

/** What the operator reads when this text is refused. */
async function complaint(text: string, sources: Partial<Omit<ConfigSources, 'file'>> = {}): Promise<string> {
  const error = await load(text, sources).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigError)) throw new Error(`no ConfigError but ${error}`);
  return error.message;
}

describe('precedence', () => {
  const text = 'listen: 127.0.0.1:1\ndataDir: from-file\nlogLevel: warn';
  const env = { HMS_SYNC_LISTEN: '127.0.0.1:2', HMS_SYNC_DATA_DIR: 'from-env', HMS_SYNC_LOG_LEVEL: 'error' };
  const flags = { listen: '127.0.0.1:3', dataDir: 'from-flag', logLevel: 'debug' };

  it('takes defaults when nothing is said', async () => {
    expect(await load('')).toEqual({
      listen: { host: '127.0.0.1', port: 7003 },
      dataDir: join(folder, '.hms-sync'),
      logLevel: 'info',
      eventBytesMax: 262_144,
      adapters: [],
      folder,
    });
  });

  it('takes the file before the defaults', async () => {
    expect(await load(text)).toMatchObject({
      listen: { port: 1 },
      dataDir: join(folder, 'from-file'),
      logLevel: 'warn',
    });
  });

  it('takes the environment before the file', async () => {
    expect(await load(text, { env })).toMatchObject({
      listen: { port: 2 },
      dataDir: resolve('from-env'),
      logLevel: 'error',
    });
  });

  it('takes flags before the environment', async () => {
    expect(await load(text, { env, flags })).toMatchObject({
      listen: { port: 3 },
      dataDir: resolve('from-flag'),
      logLevel: 'debug',
    });
  });

  it('counts a variable that is set to nothing as not set', async () => {
    const empty = { HMS_SYNC_LISTEN: '', HMS_SYNC_DATA_DIR: '', HMS_SYNC_LOG_LEVEL: '' };
    expect(await load(text, { env: empty })).toEqual(await load(text));
  });

  it('leaves an absolute data folder as it is', async () => {
    expect((await load('dataDir: /var/lib/hms-sync')).dataDir).toBe('/var/lib/hms-sync');
  });
});

describe('an address', () => {
  it.each([
    ['0.0.0.0:7003', { host: '0.0.0.0', port: 7003 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['hub.clinic.example:65535', { host: 'hub.clinic.example', port: 65_535 }],
    ['[::1]:7003', { host: '::1', port: 7003 }],
    ['[::ffff:127.0.0.1]:7003', { host: '::ffff:127.0.0.1', port: 7003 }],
  ])('may be %s', async (listen, address) => {
    expect((await load('', { flags: { listen } })).listen).toEqual(address);
  });

  it.each([
    '7003',
    ':7003',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    '::1:7003',
    '[::1]',
    '[::1:7003',
    '[zz]:1',
    '[:::::]:1',
    '[1.2]:1',
    ' localhost:1',
    'http://localhost:1',
    'localhost:7003/',
  ])('may not be "%s"', async (listen) => {
    expect(await complaint('', { flags: { listen } })).toBe(
      `--listen: "${listen}" is no address; write host:port, such as 127.0.0.1:7003`,
    );
  });

  it('that is wrong is blamed on where it comes from', async () => {
    expect(await complaint('listen: nowhere')).toContain(`${file}: listen: "nowhere"`);
    expect(await complaint('', { env: { HMS_SYNC_LISTEN: 'nowhere' } })).toMatch(/^HMS_SYNC_LISTEN: /);
  });
});

it('refuses a log level that there is not, from each source', async () => {
  expect(await complaint('logLevel: loud')).toContain(`${file}: logLevel: `);
  expect(await complaint('', { env: { HMS_SYNC_LOG_LEVEL: 'loud' } })).toBe(
    'HMS_SYNC_LOG_LEVEL: "loud" is none of trace, debug, info, warn, error, fatal, silent',
  );
  expect(await complaint('', { flags: { logLevel: 'loud' } })).toMatch(/^--log-level: /);
});

describe('a key that there is not', () => {
  it.each([
    ['lisen: x', 'lisen: unknown key; did you mean listen?'],
    ['DATADIR: x', 'DATADIR: unknown key; did you mean dataDir?'],
    ['limits: {eventByte: 1}', 'limits.eventByte: unknown key; did you mean eventBytes?'],
    ['adapters: [{package: a, confg: {}}]', 'adapters.0.confg: unknown key; did you mean config?'],
    [
      'adapters: [{package: a}, {package: b, retry: {maxAttempt: 1}}]',
      'adapters.1.retry.maxAttempt: unknown key; did you mean maxAttempts?',
    ],
    [
      'adapters: [{package: a, breaker: {resettimeoutms: 1}}]',
      'adapters.0.breaker.resettimeoutms: unknown key; did you mean resetTimeoutMs?',
    ],
    [
      'adapters: [{package: a, delivery: {timeout: 1}}]',
      'adapters.0.delivery.timeout: unknown key; did you mean timeoutMs?',
    ],
    [
      'adapters: [{package: a, delivery: {zebra: 1}}]',
      'adapters.0.delivery.zebra: unknown key; known are concurrency, timeoutMs',
    ],
    ['__proto__: {listen: x}', '__proto__: unknown key'],
    ['constructor: x', 'constructor: unknown key'],
  ])('is named with its place: %s', async (text, message) => {
    expect(await complaint(text)).toContain(`${file}: ${message}`);
  });

  it('is told with all the others', async () => {
    expect((await complaint('lisen: x\ndatadir: y\nlimits: {byte: 1}')).split('\n')).toHaveLength(3);
  });
});

describe('a value of the wrong type', () => {
  it.each([
    ['listen: 7003', 'listen'],
    ['limits: {eventBytes: "1"}', 'limits.eventBytes'],
    ['limits: {eventBytes: 0}', 'limits.eventBytes'],
    ['limits: {eventBytes: 3145729}', 'limits.eventBytes'],
    ['adapters: {}', 'adapters'],
    ['adapters: [{}]', 'adapters.0.package'],
    ['adapters: [{package: ""}]', 'adapters.0.package'],
    ['adapters: [{package: a, id: Billing}]', 'adapters.0.id'],
    ['adapters: [{package: a, config: [x]}]', 'adapters.0.config'],
    ['adapters: [{package: a}, {package: b, delivery: {concurrency: 1.5}}]', 'adapters.1.delivery.concurrency'],
    [
      'adapters: [{package: a, breaker: {errorThresholdPercentage: 100}}]',
      'adapters.0.breaker.errorThresholdPercentage',
    ],
    ['adapters: [{package: a, retry: {baseMs: .nan}}]', 'adapters.0.retry.baseMs'],
    ['- listen', 'the file'],
    ['hello', 'the file'],
  ])('is named by its path: %s', async (text, path) => {
    expect(await complaint(text)).toContain(`${file}: ${path}: `);
  });
});

describe('a file that is no YAML', () => {
  const secret = 'hunter2';

  it.each([
    `token: "${secret}\nb: c`,
    `a: |${secret}\n  x`,
    `a: *${secret}`,
    `a: !${secret} x`,
    `token: !vault ${secret}`,
    `%${secret} x\n---\na: 1`,
    `? [${secret}]\n: 1`,
    `a: 'x' ${secret}`,
    `a: &${secret} &b 1`,
    `"\\${secret}"`,
    `a: b\n\t${secret}`,
    `a: ${secret}\na: ${secret}`,
    `a: ${secret}\n---\nb: ${secret}`,
    `@${secret}`,
    `a: {b: ${secret}`,
  ])('is refused without a word of what stands in it: %j', async (text) => {
    const stderr = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const error = await load(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    // A key is named, so that it can be found; nothing else is.
    if (!text.startsWith('?')) expect(`${error} ${(error as Error).cause}`).not.toContain(secret);
    expect(stderr).not.toHaveBeenCalled();
  });

  it('is refused with the line and the column', async () => {
    expect(await complaint('listen: x\n\tdataDir: y')).toMatch(/is no YAML .*: tab as indent at line 2, column 1$/);
  });

  it('is refused for a tag, which would be passed over and its text taken for the value', async () => {
    expect(await complaint('adapters: [{package: a, config: {token: !vault path/to/it}}]')).toMatch(
      /tag resolve failed at line 1, column 41$/,
    );
  });

  it('is refused when an alias stands for what it lies in', async () => {
    expect(await complaint('adapters: [{package: a, config: &all {self: *all}}]')).toContain('adapters.0.config.self');
  });

  it('is refused when aliases grow without bounds', async () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0 ? 'l0: &l0 [x]' : `l${level}: &l${level} [${new Array(9).fill(`*l${level - 1}`).join(',')}]`,
    );
    expect(await complaint(levels.join('\n'))).toContain('alias');
  });

  it('is refused when it is not there, with what to do', async () => {
    const error = await loadConfig({ file: join(folder, 'other.yaml'), env: {}, flags: {} }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe(
      `${join(folder, 'other.yaml')} cannot be read; name the configuration file: --config <file>`,
    );
  });
});

describe('an adapter', () => {
  it('has the defaults of what it does not say', async () => {
    const { adapters } = await load('adapters: [{package: "@clinic/adapter-lab"}]');
    expect(adapters).toEqual([
      {
        package: '@clinic/adapter-lab',
        id: undefined,
        config: {},
        missing: [],
        delivery: {},
        retry: DEFAULT_RETRY,
        breaker: DEFAULT_BREAKER,
      },
    ]);
  });

  it('changes only what it says', async () => {
    const { adapters } = await load(
      'adapters: [{package: a, id: lab, retry: {maxAttempts: 3}, breaker: {windowMs: 2000}, delivery: {timeoutMs: 5}}]',
    );
    expect(adapters[0]).toMatchObject({
      id: 'lab',
      retry: { ...DEFAULT_RETRY, maxAttempts: 3 },
      breaker: { ...DEFAULT_BREAKER, windowMs: 2_000 },
      delivery: { timeoutMs: 5 },
    });
  });

  it('gets its references resolved, and those that are missing named', async () => {
    const { adapters } = await load('adapters: [{package: a, config: {token: "${TOKEN}", other: "${OTHER}"}}]', {
      env: { TOKEN: 'hunter2' },
    });
    expect(adapters[0]?.config).toEqual({ token: 'hunter2', other: '' });
    expect(adapters[0]?.missing).toEqual([
      'adapters.0.config.other: the environment variable OTHER is not set; set it and start the hub again',
    ]);
  });
});

it('never tells a secret, whatever else is wrong with the file', async () => {
  const text =
    'adapters:\n  - package: a\n    config: {token: hunter2}\n    retry: {baseMs: hunter2}\n    id: hunter2!\nlogLevel: 5';
  expect(await complaint(text)).not.toContain('hunter2');
});

it('is frozen with all that the hub reads of it', async () => {
  const config = await load('adapters: [{package: a, delivery: {timeoutMs: 5}}]');
  const [adapter] = config.adapters;
  const parts = [
    config,
    config.listen,
    config.adapters,
    adapter,
    adapter?.missing,
    adapter?.delivery,
    adapter?.retry,
    adapter?.breaker,
  ];
  expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  // What is frozen is its own: the defaults of the code are not touched.
  expect(adapter?.retry).not.toBe(DEFAULT_RETRY);
});
