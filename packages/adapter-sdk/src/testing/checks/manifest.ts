import { type AdapterPackage, builtEntry, findPackage, record } from '../adapter-package.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { TargetDescription } from '../target.ts';

/** The format of adapter ids. */
const ADAPTER_ID = /^[a-z][a-z0-9-]{0,62}$/;
const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
/** The bounds of a hub: with less, Node cannot start an adapter. */
const MEMORY_MIN_MB = 128;
const MEMORY_MAX_MB = 65_536;
/** The adapter protocol of this kit. */
const PROTOCOL = 1;

/** The manifest and Describe are valid. */
export const manifest: Check = {
  name: 'manifest',
  title: 'the manifest identifies the adapter',
  run: async ({ subject }) => {
    if (subject.folder !== undefined) await mustBePublishable(await findPackage(subject.folder));
    mustBeValid(await subject.describe());
  },
};

async function mustBePublishable(found: AdapterPackage): Promise<void> {
  const { packageJson, manifest } = found;
  const keywords: unknown = packageJson.keywords;
  must(
    Array.isArray(keywords) && keywords.includes('hms-sync-adapter'),
    'package.json: keywords does not contain hms-sync-adapter',
    'add it, so that the package is found',
  );
  must(manifest.manifest === 1, 'package.json: hmsSync.manifest is not 1', 'write "hmsSync": {"manifest": 1, ...}');
  const { id, protocols } = manifest;
  mustBeId(id, 'package.json: hmsSync.id');
  mustSupportProtocol(protocols, 'package.json: hmsSync.protocols');
  must(
    !Object.hasOwn(record(packageJson.peerDependencies), '@hms-sync/adapter-sdk'),
    'package.json: @hms-sync/adapter-sdk is a peer dependency',
    'make it a dependency: each adapter has its own copy of the SDK',
  );
  must(
    typeof packageJson.version === 'string' && SEMVER.test(packageJson.version),
    'package.json: version is not semver',
    'write a version such as 1.0.0',
  );
  mustBeBounded(record(manifest.limits));
  await builtEntry(found);
}

/** A misspelt limit would have no effect. */
function mustBeBounded(limits: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(limits).find((name) => name !== 'memoryMb');
  must(unknown === undefined, `package.json: hmsSync.limits.${unknown} is unknown`, 'the only limit is memoryMb');
  const { memoryMb = MEMORY_MIN_MB } = limits;
  must(
    Number.isInteger(memoryMb) && Number(memoryMb) >= MEMORY_MIN_MB && Number(memoryMb) <= MEMORY_MAX_MB,
    `package.json: hmsSync.limits.memoryMb is ${JSON.stringify(memoryMb)}`,
    `write a whole number from ${MEMORY_MIN_MB} to ${MEMORY_MAX_MB}`,
  );
}

function mustBeValid({ id, version, protocols, configSchema }: TargetDescription): void {
  mustBeId(id, 'Describe: id');
  must(SEMVER.test(version), `Describe: version is not semver: ${version}`, 'return the version of the package');
  mustSupportProtocol(protocols, 'Describe: protocols');
  must(
    configSchema === undefined || configSchema.type === 'object',
    'Describe: config_schema_json is not a JSON Schema of an object',
    'return a schema of type object',
  );
}

function mustBeId(id: unknown, where: string): void {
  const fits = typeof id === 'string' && ADAPTER_ID.test(id);
  must(fits, `${where} is not an id`, 'write 1 to 63 of a-z, 0-9 and -, beginning with a letter');
}

function mustSupportProtocol(protocols: unknown, where: string): void {
  const supports = Array.isArray(protocols) && protocols.includes(PROTOCOL);
  must(
    supports,
    `${where} does not contain ${PROTOCOL}`,
    'list the major versions of hms.adapter that the adapter supports',
  );
}
