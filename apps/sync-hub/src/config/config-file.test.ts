import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { useConfigPlace } from './config-place.fixture.ts';

const place = useConfigPlace();

describe('a key that there is not', () => {
  it.each([
    ['lisen: x', 'lisen: unknown key; did you mean listen?'],
    ['DATADIR: x', 'DATADIR: unknown key; did you mean dataDir?'],
    ['limits: {eventByte: 1}', 'limits.eventByte: unknown key; did you mean eventBytes?'],
    ['adapters: [{package: a, confg: {}}]', 'adapters[0] (a): confg: unknown key; did you mean config?'],
    [
      'adapters: [{package: a}, {package: b, retry: {maxAttempt: 1}}]',
      'adapters[1] (b): retry.maxAttempt: unknown key; did you mean maxAttempts?',
    ],
    [
      'adapters: [{package: a, breaker: {resettimeoutms: 1}}]',
      'adapters[0] (a): breaker.resettimeoutms: unknown key; did you mean resetTimeoutMs?',
    ],
    [
      'adapters: [{package: a, delivery: {timeout: 1}}]',
      'adapters[0] (a): delivery.timeout: unknown key; did you mean timeoutMs?',
    ],
    [
      'adapters: [{package: a, delivery: {zebra: 1}}]',
      'adapters[0] (a): delivery.zebra: unknown key; known are concurrency, timeoutMs',
    ],
    ['__proto__: {listen: x}', '__proto__: unknown key'],
    ['constructor: x', 'constructor: unknown key'],
  ])('is named with its place: %s', async (text, message) => {
    expect(await place.complaint(text)).toContain(`${place.file}: ${message}`);
  });

  it('is reported with all the others', async () => {
    expect((await place.complaint('lisen: x\ndatadir: y\nlimits: {byte: 1}')).split('\n')).toHaveLength(3);
  });
});

describe('a value of the wrong type', () => {
  it.each([
    ['listen: 7003', 'listen'],
    ['limits: {eventBytes: "1"}', 'limits.eventBytes'],
    ['limits: {connections: 0}', 'limits.connections'],
    ['limits: {connectionsPerAddress: 1.5}', 'limits.connectionsPerAddress'],
    ['publicUrls: https://hub.example', 'publicUrls'],
    ['publicUrls: [hub.example]', 'publicUrls.0'],
    ['publicUrls: ["ftp://hub.example"]', 'publicUrls.0'],
    ['publicUrls: ["https://hub.example/path"]', 'publicUrls.0'],
    ['publicUrls: ["https://user@hub.example"]', 'publicUrls.0'],
    ['publicUrls: ["https://*.example:x"]', 'publicUrls.0'],
    ['limits: {eventBytes: 0}', 'limits.eventBytes'],
    ['limits: {eventBytes: 3145729}', 'limits.eventBytes'],
    ['retention: {settledDays: 0}', 'retention.settledDays'],
    ['retention: {settledDays: 1.5}', 'retention.settledDays'],
    ['adapters: {}', 'adapters'],
    ['adapters: [{}]', 'adapters[0]: package'],
    ['adapters: [{package: ""}]', 'adapters[0]: package'],
    ['adapters: [{package: ./lab}]', 'adapters[0] (./lab): package'],
    ['adapters: [{package: lab@latest, id: lab}]', 'adapters[0] (lab): package'],
    ['adapters: [{package: lab@, id: lab}]', 'adapters[0] (lab): package'],
    ['adapters: [{package: lab@^1.2.0}]', 'adapters[0] (lab@^1.2.0): id'],
    ['adapters: [{package: a, id: Billing}]', 'adapters[0] (Billing): id'],
    ['adapters: [{package: a, config: [x]}]', 'adapters[0] (a): config'],
    ['adapters: [{package: a}, {package: b, delivery: {concurrency: 1.5}}]', 'adapters[1] (b): delivery.concurrency'],
    ['adapters: [{package: a, delivery: {concurrency: 1025}}]', 'adapters[0] (a): delivery.concurrency'],
    ['adapters: [{package: a, delivery: {timeoutMs: 600001}}]', 'adapters[0] (a): delivery.timeoutMs'],
    [
      'adapters: [{package: a, breaker: {errorThresholdPercentage: 100}}]',
      'adapters[0] (a): breaker.errorThresholdPercentage',
    ],
    ['- listen', 'the file'],
    ['hello', 'the file'],
  ])('is named by its path: %s', async (text, path) => {
    expect(await place.complaint(text)).toContain(`${place.file}: ${path}: `);
  });
});

describe('a value that is not allowed', () => {
  it.each([
    [
      'adapters: [{package: a}, {package: b, id: billing, retry: {maxAttempts: 0}}]',
      'adapters[1] (billing): retry.maxAttempts: must be at least 1',
    ],
    [
      'adapters: [{package: a, id: billing, retry: {maxAgeMs: 86399999}}]',
      'adapters[0] (billing): retry.maxAgeMs: must be at least 86400000',
    ],
    ['limits: {eventBytes: 3145729}', 'limits.eventBytes: must be at most 3145728'],
    ['retention: {settledDays: 1.5}', 'retention.settledDays: must be a whole number'],
    ['retention: {settledDays: many}', 'retention.settledDays: must be a number'],
    ['dataDir: ""', 'dataDir: must not be empty'],
    ['diskReserve: 1MiB', 'diskReserve: must be a size from 16MiB to 1024TiB, such as 64MiB'],
    [
      'limits: { perCaller: { bytesPerDay: 20GB } }',
      'limits.perCaller.bytesPerDay: must be a size from 1MiB to 1024TiB, such as 20GiB',
    ],
    ['diskReserve: lots', 'diskReserve: must be a size from 16MiB to 1024TiB, such as 64MiB'],
    ['logLevel: loud', 'logLevel: must be trace or debug or info or warn or error or fatal or silent'],
    ['adapters: [{package: a, config: [x]}]', 'adapters[0] (a): config: must be names with values'],
    ['adapters: x', 'adapters: must be a list'],
    ['adapters: [7]', 'adapters[0]: must be names with values'],
    ['adapters: [{}]', 'adapters[0]: package: is missing; name the npm package of the adapter'],
    [
      'adapters: [{package: "\\e[2J"}]',
      'adapters[0]: package: <4 characters> is not an npm package; write its name, such as @clinic/adapter-lab, or its name and a version range, such as @clinic/adapter-lab@^1.2.0',
    ],
  ])('is reported in words, with what would be valid: %s', async (text, complaint) => {
    expect(await place.complaint(text)).toBe(`${place.file}: ${complaint}`);
  });
});

it.each([
  ['? adapters:\n  - package: a\n    config: {token: hunter2}\n: x'],
  ['? adapters:\n  - package: a\n    config: {token: hunter2}'],
  ['? |\n  adapters hunter2\n: x'],
  ['? [token, hunter2]\n: x'],
  ['"token hunter2": x'],
  ['limits: {"eventBytes=hunter2": 1}'],
  ['adapters: [{package: a, "token: hunter2": x}]'],
  ['adapters: [{package: a, config: {"token: hunter2": &a {self: *a}}}]'],
  ['listen: "token hunter2"'],
  ['logLevel: "token hunter2"'],
  ['adapters: [{package: "a@token hunter2"}]'],
])('a name that may be what was meant as a value is not quoted: %j', async (text) => {
  const complaint = await place.complaint(text);
  expect(complaint).toContain(place.file);
  expect(complaint).not.toContain('hunter2');
});

describe('a number in the file', () => {
  const withAmount = (amount: string) =>
    `adapters:\n  - package: p\n    config:\n      fees:\n        - amount: ${amount}\n`;

  it.each([
    ['0.10', 0.1],
    ['1.00', 1],
    ['1E5', 100_000],
    ['9007199254740992', 9_007_199_254_740_992],
    ['0x1F', 31],
    ['0o17', 15],
    ['017', 17],
    ['.5', 0.5],
    ['1_000', '1_000'],
    ['2026-11-23', '2026-11-23'],
    ["'9007199254740993'", '9007199254740993'],
  ])('is taken by its value: %s', async (amount, value) => {
    const { adapters } = await place.load(withAmount(amount));
    expect(adapters[0]?.config).toEqual({ fees: [{ amount: value }] });
  });

  it('of minus zero is zero', async () => {
    expect(JSON.stringify((await place.load(withAmount('-0'))).adapters[0]?.config)).toBe('{"fees":[{"amount":0}]}');
  });

  it.each([
    '9007199254740993',
    '9007199254740993.0',
    '-9007199254740993',
    '123456789012345.678',
    '1e400',
    '0x20000000000001',
    '0o400000000000000001',
    '.inf',
    '-.INF',
    '.nan',
    '!!int "9007199254740993"',
  ])('that would become another is refused with its field: %s', async (amount) => {
    const complaint = await place.complaint(withAmount(amount));
    expect(complaint).toContain('adapters[0].config.fees[0].amount ');
    expect(complaint).toContain('as a string');
    expect(complaint).not.toContain('9007');
  });

  it('that is a name is refused too', async () => {
    expect(await place.complaint('adapters:\n  - package: p\n    config: { 9007199254740993: x }\n')).toContain(
      'config',
    );
  });
});

describe('the text of the file', () => {
  it('is UTF-8, or is refused with the place of the byte', async () => {
    await writeFile(place.file, Buffer.from('dataDir: Jos\u00e9\n', 'latin1'));
    const error = await loadConfig({ file: place.file, env: {}, flags: {} }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining('byte offset 12') });
  });

  it('hands an adapter each name of its configuration, also one that JavaScript gives a meaning', async () => {
    const { adapters } = await place.load('adapters: [{package: a, config: {__proto__: {polluted: 1}, a: 1}}]');
    expect(Object.keys((adapters[0]?.config ?? {}) as object)).toEqual(['__proto__', 'a']);
  });

  it('has no byte order mark', async () => {
    expect(await place.complaint('\ufefflogLevel: info\n')).toContain('byte order mark');
  });

  it('nests an adapter\u2019s configuration 64 levels at most, itself among them', async () => {
    const nested = (levels: number) => `${'{a: '.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
    const config = (levels: number) => `adapters:\n  - package: p\n    config: ${nested(levels)}\n`;
    await expect(place.load(config(64))).resolves.toBeDefined();
    expect(await place.complaint(config(65))).toContain('nested deeper than 64 levels');
    expect(await place.complaint('['.repeat(100_000))).toMatch(/nested|YAML/);
  });
});

describe('a file that is not YAML', () => {
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
  ])('is refused without a word of what is in it: %j', async (text) => {
    const stderr = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const error = await place.load(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(`${error} ${(error as Error).cause}`).not.toContain(secret);
    expect(stderr).not.toHaveBeenCalled();
  });

  it('is refused with the line and the column', async () => {
    expect(await place.complaint('listen: x\n\tdataDir: y')).toMatch(
      /is not YAML .*: tab as indent at line 2, column 1$/,
    );
    expect(await place.complaint('dataDir: "d\nlisten: x\n')).toMatch(
      /is not YAML .*: a closing quote, a colon or the indentation is missing before or at line 3, column 1$/,
    );
  });

  it('is refused for a tag, which would be passed over and its text taken for the value', async () => {
    expect(await place.complaint('adapters: [{package: a, config: {token: !vault path/to/it}}]')).toMatch(
      /tag resolve failed at line 1, column 41$/,
    );
  });

  it('is refused when an alias refers to a node that contains it', async () => {
    expect(await place.complaint('adapters: [{package: a, config: &all {self: *all}}]')).toContain(
      'adapters[0] (a): config.self',
    );
  });

  it('is refused when aliases grow without bounds', async () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0 ? 'l0: &l0 [x]' : `l${level}: &l${level} [${new Array(9).fill(`*l${level - 1}`).join(',')}]`,
    );
    expect(await place.complaint(levels.join('\n'))).toContain('alias');
  });

  it('is refused when it is not there, with what to do', async () => {
    const error = await loadConfig({ file: join(place.folder, 'other.yaml'), env: {}, flags: {} }).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe(
      `${join(place.folder, 'other.yaml')} does not exist; name the configuration file: --config <file>`,
    );
  });
});
