import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { ConfigError } from './config-error.ts';

const RIGHT = `listen: 127.0.0.1:7003
dataDir: .hms-sync
logLevel: info
limits: { eventBytes: 262144 }
adapters:
  - package: "@hms-sync/adapter-billing"
    id: billing
    config: &shared { baseUrl: "http://billing.example", token: hunter2 }
    delivery: { concurrency: 8, timeoutMs: 10000 }
    retry: { baseMs: 500, capMs: 300000, maxAttempts: 10 }
  - package: other
    config: *shared
    breaker: { errorThresholdPercentage: 50, volumeThreshold: 5 }
`;

/** What YAML readers stumble over. */
const STUMBLING = [
  '*shared',
  '&shared',
  '<<: *shared',
  '!!binary x',
  '!!js/function x',
  '? ',
  '---\n',
  '...\n',
  '%YAML 9.9\n',
  '\t',
  '\u0000',
  '\ufeff',
  '\u2028',
  '[',
  ']',
  '{',
  '}',
  ': ',
  '- ',
  '"',
  "'",
  '|\n',
  '>',
  '#',
  '~',
  '.inf',
  '.nan',
  '0x7f',
  '1e999',
  '99999999999999999999',
  'null',
  'true',
  '__proto__: 1\n',
  'constructor: 1\n',
  '[['.repeat(500),
  '{a: '.repeat(500),
  'x'.repeat(10_000),
  '\ud800',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference is written so
  '${TOKEN}',
  '${',
];

const change = fc.oneof(
  fc.tuple(fc.nat(RIGHT.length), fc.nat(40), fc.constantFrom('', ...STUMBLING)),
  fc.tuple(fc.nat(RIGHT.length), fc.nat(3), fc.string({ maxLength: 5 })),
);
const text = fc
  .array(change, { minLength: 1, maxLength: 4 })
  .map((changes) =>
    changes.reduce((rest, [at, removed, added]) => rest.slice(0, at) + added + rest.slice(at + removed), RIGHT),
  );

/** A share of what the fuzzer of the wire formats tries (conformance/README.md). */
const CASES = Number(process.env.HMS_SYNC_FUZZ_CASES ?? 2_000) / 5;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hms-sync-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('accepts or refuses any text, says where it is wrong, and never reveals a secret', {
  timeout: 20_000 + CASES * 100,
}, async () => {
  const file = join(folder, 'hms-sync.yaml');
  let taken = 0;
  const property = fc.asyncProperty(text, async (content) => {
    await writeFile(file, content);
    try {
      const config = await loadConfig({ file, env: { TOKEN: 'secret' }, flags: {} });
      taken += 1;
      expect(config.listen.port).toBeLessThanOrEqual(65_535);
      expect(config.adapters.every(({ package: name }) => name !== '')).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(String(error)).toContain(file);
      expect(String(error)).not.toContain('hunter2');
    }
  });
  await fc.assert(property, { numRuns: CASES });
  expect(taken).toBeGreaterThan(0);
});
