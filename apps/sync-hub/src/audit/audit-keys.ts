import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderError } from '../files/private-folder.ts';
import { replaceFile } from '../files/replace-file.ts';

/** The keys of an audit log, each for one purpose. */
export interface AuditKeys {
  /** Of the `mac` of each line. */
  readonly mac: Buffer;
  /** Of the hashes that stand for keys of events. */
  readonly names: Buffer;
  /** Ed25519, of checkpoints. */
  readonly signing: KeyObject;
  /** Verifies checkpoints. */
  readonly verifying: KeyObject;
}

const FILE = 'key';
const PUBLIC_FILE = 'checkpoints.pem';
const KEY_BYTES = 32;

/** Whether an audit log was begun in a folder. */
export function hasAuditKeys(folder: string): boolean {
  return existsSync(join(folder, FILE));
}

/** Makes the keys of a new audit log, and the public one beside them for whoever verifies checkpoints. */
export async function makeAuditKeys(folder: string): Promise<AuditKeys> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const kept = {
    mac: randomBytes(KEY_BYTES).toString('hex'),
    names: randomBytes(KEY_BYTES).toString('hex'),
    signing: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  await writeFile(join(folder, PUBLIC_FILE), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });
  await replaceFile(join(folder, FILE), `${JSON.stringify(kept)}\n`);
  return readAuditKeys(folder);
}

/** @throws {FolderError} */
export function readAuditKeys(folder: string): AuditKeys {
  const path = join(folder, FILE);
  try {
    const { mac, names, signing } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    const privateKey = createPrivateKey(signing ?? '');
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('it holds another kind of key');
    return {
      ...{ mac: toKey(mac), names: toKey(names) },
      ...{ signing: privateKey, verifying: createPublicKey(privateKey) },
    };
  } catch (cause) {
    // Not the error's own text: a parser quotes what it reads.
    const { syscall, code } = cause as NodeJS.ErrnoException;
    const why = syscall === undefined ? 'it is damaged' : code;
    throw new FolderError(
      `the key of the audit log cannot be read (${why}): ${path}. Restore it from a copy, or move the folder ${folder} away: then a new log begins, and the old one can be verified no more.`,
      { cause },
    );
  }
}

/** What stands for the key of an event: equal for equal keys of this hub, and nobody reads the key from it. */
export function hashedName(keys: Pick<AuditKeys, 'names'>, name: string): string {
  return `hmac:${createHmac('sha256', keys.names).update(name).digest('hex').slice(0, 32)}`;
}

function toKey(hex = ''): Buffer {
  const key = Buffer.from(hex, 'hex');
  if (key.length !== KEY_BYTES) throw new Error('it holds no key');
  return key;
}
