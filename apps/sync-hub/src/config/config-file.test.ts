import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { useConfigPlace } from './config-place.suite.ts';

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

  it('is told with all the others', async () => {
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
    ['adapters: [{package: a, id: Billing}]', 'adapters[0] (Billing): id'],
    ['adapters: [{package: a, config: [x]}]', 'adapters[0] (a): config'],
    ['adapters: [{package: a}, {package: b, delivery: {concurrency: 1.5}}]', 'adapters[1] (b): delivery.concurrency'],
    ['adapters: [{package: a, delivery: {concurrency: 1025}}]', 'adapters[0] (a): delivery.concurrency'],
    ['adapters: [{package: a, delivery: {timeoutMs: 600001}}]', 'adapters[0] (a): delivery.timeoutMs'],
    [
      'adapters: [{package: a, breaker: {errorThresholdPercentage: 100}}]',
      'adapters[0] (a): breaker.errorThresholdPercentage',
    ],
    ['adapters: [{package: a, retry: {baseMs: .nan}}]', 'adapters[0] (a): retry.baseMs'],
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
    ['limits: {eventBytes: 3145729}', 'limits.eventBytes: must be at most 3145728'],
    ['retention: {settledDays: 1.5}', 'retention.settledDays: must be a whole number'],
    ['retention: {settledDays: many}', 'retention.settledDays: must be a number'],
    ['dataDir: ""', 'dataDir: must not be empty'],
    ['diskReserve: 1MiB', 'diskReserve: must be a size from 16MiB to 1024TiB, such as 64MiB'],
    ['diskReserve: lots', 'diskReserve: must be a size from 16MiB to 1024TiB, such as 64MiB'],
    ['logLevel: loud', 'logLevel: must be trace or debug or info or warn or error or fatal or silent'],
    ['adapters: [{package: a, config: [x]}]', 'adapters[0] (a): config: must be names with values'],
    ['adapters: x', 'adapters: must be a list'],
    ['adapters: [7]', 'adapters[0]: must be names with values'],
    ['adapters: [{package: "\\e[2J"}, {}]', 'adapters[1]: package: is missing; name the npm package of the adapter'],
  ])('is told in words, with what would do: %s', async (text, complaint) => {
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
    const error = await place.load(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(`${error} ${(error as Error).cause}`).not.toContain(secret);
    expect(stderr).not.toHaveBeenCalled();
  });

  it('is refused with the line and the column', async () => {
    expect(await place.complaint('listen: x\n\tdataDir: y')).toMatch(
      /is no YAML .*: tab as indent at line 2, column 1$/,
    );
  });

  it('is refused for a tag, which would be passed over and its text taken for the value', async () => {
    expect(await place.complaint('adapters: [{package: a, config: {token: !vault path/to/it}}]')).toMatch(
      /tag resolve failed at line 1, column 41$/,
    );
  });

  it('is refused when an alias stands for what it lies in', async () => {
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
