import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HubFolder } from '../hub-folder.ts';
import { Authority, type Pair } from './authority.ts';
import { replace } from './secure-hub.ts';

let pair: Pair;
let folder: HubFolder;

beforeAll(async () => {
  pair = await (await Authority.create()).issue();
});
beforeEach(async () => {
  folder = await HubFolder.create({ config: {} });
  await replace(folder.path, { 'hub.pem': pair.cert, 'hub-key.pem': pair.key, 'broken.pem': 'hunter2' });
});
afterEach(() => folder.remove());

const LOOPBACK = '127.0.0.1:0';
const BEYOND = '0.0.0.0:0';
const FILES = { cert: 'hub.pem', key: 'hub-key.pem' };
const TRUSTED = { tls: 'terminated', trustedProxies: ['10.0.0.7'] };
const OPEN = ['--i-accept-no-authentication'];

/** What a start comes to: `ready` with an address and who is let in, or the exit code and what it says. */
type Outcome = { scheme: 'http' | 'https'; auth: 'tokens' | 'dev' | 'none' } | { says: string };

const cases: { listen: string; config: object; flags?: string[]; outcome: Outcome }[] = [
  { listen: LOOPBACK, config: {}, outcome: { scheme: 'http', auth: 'tokens' } },
  { listen: LOOPBACK, config: { auth: {} }, outcome: { scheme: 'http', auth: 'tokens' } },
  { listen: LOOPBACK, config: {}, flags: ['--dev'], outcome: { scheme: 'http', auth: 'dev' } },
  { listen: LOOPBACK, config: {}, flags: OPEN, outcome: { says: 'is only for auth: none' } },
  { listen: LOOPBACK, config: { auth: 'none' }, outcome: { says: 'start it with --i-accept-no-authentication' } },
  { listen: LOOPBACK, config: { auth: 'none' }, flags: OPEN, outcome: { scheme: 'http', auth: 'none' } },
  { listen: LOOPBACK, config: { tls: FILES }, outcome: { scheme: 'https', auth: 'tokens' } },
  { listen: LOOPBACK, config: { tls: FILES }, flags: ['--dev'], outcome: { scheme: 'https', auth: 'dev' } },
  { listen: LOOPBACK, config: { tls: FILES, auth: 'none' }, flags: OPEN, outcome: { scheme: 'https', auth: 'none' } },
  { listen: LOOPBACK, config: { tls: 'terminated' }, outcome: { scheme: 'http', auth: 'tokens' } },
  { listen: LOOPBACK, config: TRUSTED, outcome: { scheme: 'http', auth: 'tokens' } },
  { listen: BEYOND, config: {}, outcome: { says: 'write tls: { cert: hub.pem, key: hub-key.pem }' } },
  { listen: BEYOND, config: {}, flags: ['--dev'], outcome: { says: 'tls is missing' } },
  { listen: BEYOND, config: { auth: 'none' }, flags: OPEN, outcome: { says: 'tls is missing' } },
  { listen: BEYOND, config: { tls: 'terminated' }, outcome: { says: 'needs trustedProxies' } },
  { listen: BEYOND, config: TRUSTED, outcome: { scheme: 'http', auth: 'tokens' } },
  { listen: BEYOND, config: TRUSTED, flags: ['--dev'], outcome: { says: '--dev is possible on loopback only' } },
  { listen: BEYOND, config: { tls: FILES }, outcome: { scheme: 'https', auth: 'tokens' } },
  {
    listen: BEYOND,
    config: { tls: FILES },
    flags: ['--dev'],
    outcome: { says: '--dev is possible on loopback only' },
  },
  { listen: BEYOND, config: { tls: FILES, auth: 'none' }, flags: OPEN, outcome: { says: 'on loopback only' } },
  { listen: BEYOND, config: { tls: { ...FILES, cert: 'none.pem' } }, outcome: { says: 'none.pem cannot be read' } },
  { listen: BEYOND, config: { tls: { ...FILES, key: 'broken.pem' } }, outcome: { says: 'holds no private key' } },
  { listen: BEYOND, config: { tls: { ...FILES, key: 'hub.pem' } }, outcome: { says: 'holds no private key' } },
];

describe('a hub', () => {
  test.for(cases)('on $listen with $config and $flags: $outcome', async ({ listen, config, flags = [], outcome }) => {
    await folder.configure(JSON.stringify({ listen, ...config }));
    if ('says' in outcome) {
      const ending = await folder.run(...flags);
      expect(ending).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(outcome.says) });
      expect(ending.stderr).not.toContain('hunter2');
      expect(existsSync(join(folder.path, '.hms-sync'))).toBe(false);
      return;
    }
    const hub = await folder.start({}, { flags });
    expect(hub.address).toMatch(new RegExp(`^${outcome.scheme}://${listen.slice(0, -1).replaceAll('.', '\\.')}[1-9]`));
    const { code, stdout, stderr } = await hub.stop();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, address: hub.address, auth: outcome.auth });
    // A hub to which nobody can come yet says so.
    expect(stderr.includes('make a token with hms-sync token create')).toBe(outcome.auth === 'tokens');
  });
});
