/**
 * `npm run lock`: completes package-lock.json for the platforms that this machine is not.
 *
 * npm leaves out of the lock file an optional package that it cannot fetch, such as the binary of another platform that
 * a registry mirror does not carry, and `npm ci` then refuses that lock file everywhere. What it needs of such a package
 * is little: its version, which the package that wants it names, and its platform, so that it is skipped elsewhere.
 * Run it after `npm install`; tidy.test.ts notices when it was forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from './root.ts';

/** The part of the lock file that is read; the rest stays as it is, in its order. */
const Entry = z.object({
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const Lock = z.object({ packages: z.record(z.string(), Entry) });

const operatingSystems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

const file = join(root, 'package-lock.json');
const lock: { packages: Record<string, unknown> } = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = Lock.parse(lock);
const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
const added: string[] = [];

for (const { dev, optionalDependencies = {} } of Object.values(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (locked.has(name)) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}@${version} is no exact version: lock it by hand`);
    lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(dev && { dev }), optional: true };
    locked.add(name);
    added.push(name);
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added.length} packages of other platforms added`);

/** Platform packages have their platform in their name: `@nx/nx-linux-arm64-musl`. */
function platformOf(name: string): Record<string, string[]> {
  const words = name.split(/[/-]/);
  const os = operatingSystems.find((word) => words.includes(word));
  const cpu = processors.find((word) => words.some((part) => part === word || (word === 'arm' && part === 'armv7')));
  if (os === undefined || cpu === undefined)
    throw new Error(`${name} names no platform that is known here: lock it by hand`);
  const libc =
    words.includes('musl') || words.includes('musleabihf') ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return { cpu: [cpu], ...(libc && { libc: [libc] }), os: [os] };
}
