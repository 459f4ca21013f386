import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { parse } from 'yaml';

/** The default address of a hub. */
const DEFAULT_ADDRESS = 'http://127.0.0.1:7003';
const SOCKET = 'hub.sock';

/** The option of every command that calls a hub. */
export function addressOption(): Option {
  const address = defaultAddress();
  return new Option('--address <url>', "the hub's URL, or unix: and the path of its socket")
    .env('HMS_SYNC_ADDRESS')
    .default(address, 'the socket of the hub in this folder, else http://127.0.0.1:7003')
    .argParser((text: string) => parseAddress(text));
}

/**
 * Accepts "http://host:port", "https://host:port", "unix:/path/hub.sock" and, for short, "host:port".
 *
 * @param folder from which the path of a socket is meant
 */
export function parseAddress(text: string, folder = process.cwd()): string {
  if (text.startsWith('unix:')) return `unix:${resolve(folder, text.slice('unix:'.length))}`;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new InvalidArgumentError(`Write it as http://host:port, such as ${DEFAULT_ADDRESS}, or unix:<path>.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidArgumentError(
      'A credential does not belong in an address; put it into HMS_SYNC_TOKEN or --token-file.',
    );
  }
  return url.href.replace(/\/$/, '');
}

/**
 * The hub that a command without an address means: the one whose data folder the working folder has, by its socket; or
 * else the one on the usual port.
 */
export function defaultAddress(): string {
  return socketAddress(dataFolder()) ?? DEFAULT_ADDRESS;
}

/** The hub of a data folder, by its socket; undefined when it has none. */
export function socketAddress(dataDir: string): string | undefined {
  const socket = resolve(dataDir, SOCKET);
  return isOwn(socket) && isOwn(dirname(socket)) ? `unix:${socket}` : undefined;
}

/** Of this user, or of root, and closed to others: somebody else's would get what is sent to it. */
function isOwn(path: string): boolean {
  try {
    const { uid, mode } = statSync(path);
    return (uid === process.getuid?.() || uid === 0) && (mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** As `start` finds it. */
function dataFolder(): string {
  const { HMS_SYNC_DATA_DIR: named } = process.env;
  if (named) return named;
  try {
    const config: unknown = parse(readFileSync('hms-sync.yaml', 'utf8'));
    if (typeof config === 'object' && config !== null && 'dataDir' in config) return String(config.dataDir);
  } catch {
    // There is none, or it is for `start` to say what is wrong in it.
  }
  return '.hms-sync';
}
