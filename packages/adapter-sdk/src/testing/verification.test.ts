import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { adapterFolder } from '../../test/adapter-folder.ts';
import { badAdapters, leakyAdapters, wellAdapter } from '../../test/bad-adapters.ts';
import type { DefinedAdapter } from '../index.ts';
import { CHECKS } from './checks.ts';
import { definitionSubject, type Verdict, verify } from './testing.ts';

const kit = { config: { baseUrl: '{{url}}', token: '{{secret}}' } };

interface Circumstances {
  readonly folder?: string;
  /** Fewer than the kit's 10,000, because there is an adapter for each check. */
  readonly heapEvents?: number;
  readonly only?: string;
}

async function verdictsOf(definition: DefinedAdapter, { folder, heapEvents = 300, only }: Circumstances = {}) {
  const subject = definitionSubject(definition, { id: 'lab', version: '1.0.0', folder });
  const verdicts: Verdict[] = [];
  const chosen = CHECKS.filter(({ name }) => only === undefined || name === only);
  for await (const verdict of verify({ subject, kit, heapEvents }, chosen)) verdicts.push(verdict);
  return verdicts;
}

const failed = (verdicts: readonly Verdict[]) => verdicts.filter(({ kind }) => kind === 'failed');

/** A package whose manifest must be read without running its code. */
const packageWith = (packageJson: Readonly<Record<string, unknown>>) =>
  adapterFolder({ 'adapter.js': 'throw new Error("reading a manifest runs no code")' }, packageJson);

it('an adapter that does all as it should passes every check', async () => {
  const verdicts = await verdictsOf(wellAdapter(), { folder: await packageWith({}) });
  expect(failed(verdicts)).toEqual([]);
  expect(verdicts.map(({ kind, check }) => [kind, check])).toEqual(CHECKS.map(({ name }) => ['passed', name]));
});

describe('an adapter that is bad in one way fails the check for it, and no other', () => {
  it.each(Object.entries(badAdapters))('%s', async (name, definition) => {
    const timers = vi.spyOn(globalThis, 'setInterval');
    const verdicts = await verdictsOf(definition(), { heapEvents: name === 'heap' ? 1_500 : 300 });
    for (const { value } of timers.mock.results) clearInterval(value);
    expect(failed(verdicts)).toEqual([expect.objectContaining({ check: name, why: expect.stringMatching(/.+; .+/) })]);
  });

  it('but for the manifest, there is an adapter for every check', () => {
    expect(['manifest', ...Object.keys(badAdapters)].sort()).toEqual(CHECKS.map(({ name }) => name).sort());
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['keywords', { keywords: [] }],
    ['hmsSync.manifest', { hmsSync: undefined }],
    ['hmsSync.id', { hmsSync: { manifest: 1, id: 'Lab', protocols: [1] } }],
    ['hmsSync.protocols', { hmsSync: { manifest: 1, id: 'lab', protocols: [7] } }],
    ['peer dependency', { peerDependencies: { '@hms-sync/adapter-sdk': '1' } }],
    ['version', { version: 'latest' }],
    ['hmsSync.limits.memoryMB', { hmsSync: { manifest: 1, id: 'lab', protocols: [1], limits: { memoryMB: 256 } } }],
    ['hmsSync.limits.memoryMb', { hmsSync: { manifest: 1, id: 'lab', protocols: [1], limits: { memoryMb: 64 } } }],
    ['hmsSync.entry', { exports: './dist/adapter.js' }],
    ['hmsSync.entry', { hmsSync: { manifest: 1, id: 'lab', entry: './other', protocols: [1] } }],
  ])('manifest: %s', async (what, changes) => {
    const folder = await packageWith(changes);
    const verdicts = await verdictsOf(wellAdapter(), { folder, only: 'manifest' });
    expect(failed(verdicts)).toEqual([
      expect.objectContaining({ check: 'manifest', why: expect.stringContaining(what) }),
    ]);
  });

  it.each(Object.entries(leakyAdapters))('privacy: %s', async (_what, definition) => {
    const debug = console.debug;
    console.debug = () => undefined;
    onTestFinished(() => {
      console.debug = debug;
    });
    expect(failed(await verdictsOf(definition(), { only: 'privacy' }))).toEqual([
      expect.objectContaining({ check: 'privacy' }),
    ]);
  });
});

it('what needs a configuration is not tried when the adapter rejects it', async () => {
  const verdicts = await verdictsOf(badAdapters.configuration?.() ?? wellAdapter());
  expect(verdicts.slice(2).map(({ kind }) => kind)).toEqual(CHECKS.slice(2).map(() => 'not seen'));
});
