import { type AdapterPackage, builtEntry, findPackage, record } from '../adapter-package.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { TargetDescription } from '../target.ts';

/** What names an adapter in acks, health and metrics. */
const ADAPTER_ID = /^[a-z][a-z0-9-]{0,62}$/;
const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
/** As a hub has it: with less no Node process that holds an adapter can start. */
const MEMORY_MIN_MB = 128;
const MEMORY_MAX_MB = 65_536;
/** The adapter protocol of this kit. */
const PROTOCOL = 1;

/** Says who it is, in words that a hub understands. */
export const manifest: Check = {
  name: 'manifest',
  title: 'the manifest says who it is, without its code being run',
  run: async ({ subject }) => {
    if (subject.folder !== undefined) await mustBePublishable(await findPackage(subject.folder));
    mustBeUnderstood(await subject.describe());
  },
};

async function mustBePublishable(found: AdapterPackage): Promise<void> {
  const { packageJson, manifest } = found;
  const keywords: unknown = packageJson.keywords;
  must(
    Array.isArray(keywords) && keywords.includes('hms-sync-adapter'),
    'package.json: keywords does not hold hms-sync-adapter',
    'add it, so that the package is found',
  );
  must(manifest.manifest === 1, 'package.json: hmsSync.manifest is not 1', 'write "hmsSync": {"manifest": 1, ...}');
  const { id, protocols } = manifest;
  mustBeId(id, 'package.json: hmsSync.id');
  mustSpeak(protocols, 'package.json: hmsSync.protocols');
  must(
    !Object.hasOwn(record(packageJson.peerDependencies), '@hms-sync/adapter-sdk'),
    'package.json: @hms-sync/adapter-sdk is a peer dependency',
    "make it a dependency: an adapter has its own copy, whatever the hub's or another adapter's is",
  );
  must(
    typeof packageJson.version === 'string' && SEMVER.test(packageJson.version),
    'package.json: version is no semver',
    'write one such as 1.0.0',
  );
  mustBeBounded(record(manifest.limits));
  await builtEntry(found);
}

/** A limit that is misspelt would be none. */
function mustBeBounded(limits: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(limits).find((name) => name !== 'memoryMb');
  must(unknown === undefined, `package.json: hmsSync.limits.${unknown} is no limit`, 'there is memoryMb');
  const { memoryMb = MEMORY_MIN_MB } = limits;
  must(
    Number.isInteger(memoryMb) && Number(memoryMb) >= MEMORY_MIN_MB && Number(memoryMb) <= MEMORY_MAX_MB,
    `package.json: hmsSync.limits.memoryMb is ${JSON.stringify(memoryMb)}`,
    `write a whole number from ${MEMORY_MIN_MB} to ${MEMORY_MAX_MB}`,
  );
}

function mustBeUnderstood({ id, version, protocols, configSchema }: TargetDescription): void {
  mustBeId(id, 'Describe: id');
  must(SEMVER.test(version), `Describe: version is no semver: ${version}`, 'return the version of the package');
  mustSpeak(protocols, 'Describe: protocols');
  must(
    configSchema === undefined || configSchema.type === 'object',
    'Describe: config_schema_json is no JSON Schema of an object',
    'a configuration is an object of named fields',
  );
}

function mustBeId(id: unknown, where: string): void {
  const fits = typeof id === 'string' && ADAPTER_ID.test(id);
  must(fits, `${where} is no id`, 'write 1 to 63 of a-z, 0-9 and -, beginning with a letter');
}

function mustSpeak(protocols: unknown, where: string): void {
  const speaks = Array.isArray(protocols) && protocols.includes(PROTOCOL);
  must(
    speaks,
    `${where} does not hold ${PROTOCOL}`,
    'return the major versions of hms.adapter that the adapter supports',
  );
}
