// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so
import { writeFile } from 'node:fs/promises';
import type { BlockList } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { DEFAULT_RETRY } from '../core/retry.ts';
import { addedAdapter } from './config.ts';
import { useConfigPlace } from './config-place.fixture.ts';

const place = useConfigPlace();

describe('precedence', () => {
  const text = 'listen: 127.0.0.1:1\ndataDir: from-file\nlogLevel: warn';
  const env = { HMS_SYNC_LISTEN: '127.0.0.1:2', HMS_SYNC_DATA_DIR: 'from-env', HMS_SYNC_LOG_LEVEL: 'error' };
  const flags = { listen: '127.0.0.1:3', dataDir: 'from-flag', logLevel: 'debug' };

  it('uses defaults when nothing is set', async () => {
    expect(await place.load('')).toEqual({
      adapterPolicy: { allow: [], secrets: [], maxMemoryMb: 1_024, permissions: 'optional' },
      secrets: { folder: undefined, env: expect.any(Object) },
      listen: { host: '127.0.0.1', port: 7003 },
      publicUrls: [],
      tls: undefined,
      trustedProxies: undefined,
      callers: undefined,
      auth: { withoutCredential: 'nobody', tokens: [], jwt: [], mtls: [] },
      connections: {},
      perCaller: {
        eventsPerSecond: undefined,
        bytesPerDay: undefined,
        calls: { publish: 4_096, stream: 64, watch: 16, tail: 2, job: 2, probe: 64 },
      },
      dataDir: join(place.folder, '.hms-sync'),
      backupsFolder: join(place.folder, '.hms-sync', 'backups'),
      auditKeepDays: 2_190,
      diskReserveBytes: 67_108_864,
      logLevel: 'info',
      eventBytesMax: 262_144,
      settledMs: 7 * 86_400_000,
      adapters: [],
      folder: place.folder,
      written: {},
    });
  });

  it('accepts a folder of backups, from the file, and a reserve of the disk, in bytes or in words', async () => {
    const config = await place.load('backups: { folder: ../copies }\ndiskReserve: 1 GiB');
    expect(config).toMatchObject({ backupsFolder: resolve(place.folder, '../copies'), diskReserveBytes: 2 ** 30 });
    expect(await place.load('diskReserve: 20000000')).toMatchObject({ diskReserveBytes: 20_000_000 });
  });

  it('prefers the file to the defaults', async () => {
    expect(await place.load(text)).toMatchObject({
      listen: { port: 1 },
      dataDir: join(place.folder, 'from-file'),
      logLevel: 'warn',
    });
  });

  it('prefers the environment to the file', async () => {
    expect(await place.load(text, { env })).toMatchObject({
      listen: { port: 2 },
      dataDir: resolve('from-env'),
      logLevel: 'error',
    });
  });

  it('prefers flags to the environment', async () => {
    expect(await place.load(text, { env, flags })).toMatchObject({
      listen: { port: 3 },
      dataDir: resolve('from-flag'),
      logLevel: 'debug',
    });
  });

  it('counts a variable that is set to nothing as not set', async () => {
    const empty = { HMS_SYNC_LISTEN: '', HMS_SYNC_DATA_DIR: '', HMS_SYNC_LOG_LEVEL: '' };
    const { secrets: _, ...config } = await place.load(text, { env: empty });
    expect(await place.load(text)).toMatchObject(config);
  });

  it('leaves an absolute data folder as it is', async () => {
    expect((await place.load('dataDir: /var/lib/hms-sync')).dataDir).toBe('/var/lib/hms-sync');
  });
});

it('keeps settled events for as many days as the file says', async () => {
  expect((await place.load('retention: {settledDays: 30}')).settledMs).toBe(30 * 86_400_000);
});

describe('an address', () => {
  it.each([
    ['0.0.0.0:7003', { host: '0.0.0.0', port: 7003 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['hub.clinic.example:65535', { host: 'hub.clinic.example', port: 65_535 }],
    ['[::1]:7003', { host: '::1', port: 7003 }],
    ['[::ffff:127.0.0.1]:7003', { host: '::ffff:127.0.0.1', port: 7003 }],
  ])('may be %s', async (listen, address) => {
    expect((await place.load('tls: { cert: c, key: k }', { flags: { listen } })).listen).toEqual(address);
  });

  it.each(['0.0.0.0:7003', '[::]:7003', '10.0.0.7:1', 'hub.clinic.example:7003', '[::ffff:10.0.0.7]:1'])(
    'that others may reach needs tls: %s',
    async (listen) => {
      const message = await place.complaint('', { env: { HMS_SYNC_LISTEN: listen } });
      expect(message).toContain(
        'write tls: { cert: hub.pem, key: hub-key.pem }, or tls: terminated with trustedProxies',
      );
      expect(await place.complaint('tls: terminated', { flags: { listen } })).toContain('needs trustedProxies:');
    },
  );

  it.each([
    '7003',
    ':7003',
    'localhost',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    '::1:7003',
    '[::1]',
    '[::1:7003',
    '[zz]:1',
    '[:::::]:1',
    '[1.2]:1',
    'http://localhost:1',
    'localhost:7003/',
  ])('may not be "%s"', async (listen) => {
    expect(await place.complaint('', { flags: { listen } })).toBe(
      `--listen: "${listen}" is not an address; write host:port, such as 127.0.0.1:7003`,
    );
  });

  it('that is wrong is blamed on where it comes from', async () => {
    expect(await place.complaint('listen: nowhere')).toContain(`${place.file}: listen: "nowhere"`);
    expect(await place.complaint('', { env: { HMS_SYNC_LISTEN: 'nowhere' } })).toMatch(/^HMS_SYNC_LISTEN: /);
  });
});

it('refuses a log level that there is not, from each source', async () => {
  expect(await place.complaint('logLevel: loud')).toContain(`${place.file}: logLevel: `);
  expect(await place.complaint('', { env: { HMS_SYNC_LOG_LEVEL: 'loud' } })).toBe(
    'HMS_SYNC_LOG_LEVEL: "loud" is none of trace, debug, info, warn, error, fatal, silent',
  );
  expect(await place.complaint('', { flags: { logLevel: 'loud' } })).toMatch(/^--log-level: /);
});

describe('a remote adapter', () => {
  it('is named by its address; its files are meant from the configuration, its token is a reference', async () => {
    const text = `adapters: [{id: lab, runtime: remote, remote: {address: 'lab.example:7443', ca: ca.pem, cert: /etc/c.pem, key: /etc/k.pem, token: '\${LAB_TOKEN}'}}]`;
    const [lab] = (await place.load(text, { env: { LAB_TOKEN: 'hunter2' } })).adapters;
    expect(lab).toMatchObject({ id: 'lab', package: '', runtime: 'remote', missing: [] });
    expect(lab?.remote).toEqual({
      address: 'lab.example:7443',
      ca: join(place.folder, 'ca.pem'),
      cert: '/etc/c.pem',
      key: '/etc/k.pem',
      token: 'hunter2',
      plaintext: false,
    });
  });

  it('says which variable its token lacks', async () => {
    const text = "adapters: [{id: lab, runtime: remote, remote: {address: 'lab:1', token: '${LAB_TOKEN}'}}]";
    const [lab] = (await place.load(text)).adapters;
    expect(lab?.missing).toEqual([
      expect.stringContaining('adapters[0] (lab): remote.token: the environment variable LAB_TOKEN'),
    ]);
  });

  it.each([
    ['{runtime: remote, id: lab}', 'adapters[0] (lab): remote: is missing'],
    ["{runtime: remote, remote: {address: 'lab:1'}}", 'adapters[0]: id: is missing'],
    ["{runtime: remote, id: lab, package: a, remote: {address: 'lab:1'}}", 'adapters[0] (lab): package: is not for'],
    ["{package: a, remote: {address: 'lab:1'}}", 'adapters[0] (a): remote: is for runtime: remote alone'],
    ['{runtime: remote, id: lab, remote: {address: lab}}', 'adapters[0] (lab): remote.address: must be host:port'],
    [
      "{runtime: remote, id: lab, remote: {address: 'lab:1', cert: a}}",
      'adapters[0] (lab): remote.cert: and remote.key belong',
    ],
    [
      "{runtime: remote, id: lab, remote: {address: 'lab:1', ca: a, plaintext: true}}",
      'adapters[0] (lab): remote.plaintext: goes without',
    ],
    ['{package: a, runtime: elsewhere}', 'adapters[0] (a): runtime: '],
  ])('that is incomplete is refused: %s', async (text, message) => {
    await expect(place.load(`adapters: [${text}]`)).rejects.toThrow(message);
  });
});

describe('an adapter', () => {
  it('has the defaults of what it does not say', async () => {
    const { adapters } = await place.load('adapters: [{package: "@clinic/adapter-lab"}]');
    expect(adapters).toEqual([
      {
        package: '@clinic/adapter-lab',
        id: undefined,
        config: {},
        missing: [],
        reload: expect.any(Function),
        runtime: 'process',
        remote: undefined,
        delivery: {},
        retry: DEFAULT_RETRY,
        breaker: DEFAULT_BREAKER,
        onDeadLetter: 'continue',
      },
    ]);
  });

  it('changes only what it says', async () => {
    const { adapters } = await place.load(
      `adapters: [{package: a, id: lab, retry: {maxAttempts: 3}, breaker: {windowMs: 2000}, delivery: {timeoutMs: 5},
        onDeadLetter: hold}]`,
    );
    expect(adapters[0]).toMatchObject({
      id: 'lab',
      retry: { ...DEFAULT_RETRY, maxAttempts: 3 },
      breaker: { ...DEFAULT_BREAKER, windowMs: 2_000 },
      delivery: { timeoutMs: 5 },
      onDeadLetter: 'hold',
    });
  });

  it('gets its references resolved, and those that are missing named', async () => {
    const { adapters } = await place.load('adapters: [{package: a, config: {token: "${TOKEN}", other: "${OTHER}"}}]', {
      env: { TOKEN: 'hunter2' },
    });
    expect(adapters[0]?.config).toEqual({ token: 'hunter2', other: '' });
    expect(adapters[0]?.missing).toEqual([
      'adapters[0] (a): config.other: the environment variable OTHER is not set; set it and start the hub again',
    ]);
  });
});

describe('a secret that was rotated', () => {
  it('is read again from its file, which takes precedence over the environment', async () => {
    const secret = join(place.folder, 'TOKEN');
    await writeFile(secret, 'first');
    const text = 'secretsDir: .\nadapters: [{package: a, config: {token: "${TOKEN}", other: "${OTHER}"}}]';
    const { adapters } = await place.load(text, { env: { TOKEN: 'hunter2' } });
    expect(adapters[0]).toMatchObject({
      config: { token: 'first' },
      missing: [
        `adapters[0] (a): config.other: there is no file OTHER in ${place.folder}, and no environment variable of that name; write the file, then restart the adapter`,
      ],
    });
    await writeFile(secret, 'second');
    await writeFile(join(place.folder, 'OTHER'), 'third');
    expect(adapters[0]?.reload()).toMatchObject({ config: { token: 'second', other: 'third' }, missing: [] });
  });
});

describe('an adapter that is added', () => {
  const added = { package: 'a', config: { url: 'https://${HOST}', auth: { token: '${TOKEN}' } } };

  it('may use what the policy names, and reads it as one in the file does', async () => {
    const config = await place.load('adapterPolicy: {secrets: [HOST, "TOK*"]}', { env: { HOST: 'lab', TOKEN: 'x' } });
    expect(addedAdapter(added, config)).toMatchObject({
      config: { url: 'https://lab', auth: { token: 'x' } },
      missing: [],
    });
  });

  it('cannot start with a reference that is not allowed, and nothing shows whether that is set', async () => {
    const text = 'adapterPolicy: {secrets: [HOST]}\nadapters: [{package: b, config: {token: "${TOKEN}"}}]';
    const set = addedAdapter(added, await place.load(text, { env: { HOST: 'lab', TOKEN: 'hunter2' } }));
    const unset = addedAdapter(added, await place.load(text));
    expect(set.missing).toEqual([
      expect.stringContaining('config.auth.token: an adapter that is added may not use ${TOKEN}'),
    ]);
    expect(JSON.stringify(set)).toBe(JSON.stringify(unset));
    expect(set.reload()).toBe(set);
  });

  it.each(['"LAB-*"', '"${LAB}"', '""', '5'])('is allowed no name such as %s', async (name) => {
    expect(await place.complaint(`adapterPolicy: {secrets: [${name}]}`)).toContain('adapterPolicy.secrets.0: must be');
  });
});

describe('what packages may ask for', () => {
  it('is what the file says', async () => {
    const { adapterPolicy } = await place.load('adapterPolicy: {maxMemoryMb: 2048, permissions: required}');
    expect(adapterPolicy).toMatchObject({ maxMemoryMb: 2_048, permissions: 'required' });
  });

  it.each([
    ['maxMemoryMb: 64', 'adapterPolicy.maxMemoryMb'],
    ['maxMemoryMb: 1GiB', 'adapterPolicy.maxMemoryMb'],
    ['permissions: none', 'adapterPolicy.permissions'],
  ])('is refused as %s', async (setting, field) => {
    expect(await place.complaint(`adapterPolicy: {${setting}}`)).toContain(field);
  });
});

it('never reveals a secret, whatever else is wrong with the file', async () => {
  const text =
    'adapters:\n  - package: a\n    config: {token: hunter2}\n    retry: {baseMs: hunter2}\n    id: hunter2!\nlogLevel: 5';
  expect(await place.complaint(text)).not.toContain('hunter2');
});

it('is frozen with all that the hub reads of it', async () => {
  const config = await place.load('adapters: [{package: a, delivery: {timeoutMs: 5}}]');
  const [adapter] = config.adapters;
  const parts = [
    config,
    config.listen,
    config.adapters,
    adapter,
    adapter?.missing,
    adapter?.delivery,
    adapter?.retry,
    adapter?.breaker,
  ];
  expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  // What is frozen is its own: the defaults of the code are not touched.
  expect(adapter?.retry).not.toBe(DEFAULT_RETRY);
});

describe('tls', () => {
  it('has paths from the folder of the file', async () => {
    const { tls } = await place.load('tls: { cert: hub.pem, key: /etc/hub-key.pem, clientCa: ca.pem }');
    const from = (name: string) => join(place.folder, name);
    expect(tls).toEqual({
      ...{ cert: from('hub.pem'), key: '/etc/hub-key.pem', clientCa: from('ca.pem'), crl: undefined },
      minVersion: 'TLSv1.2',
    });
  });

  it('terminated lets in this machine and the proxies that are named', async () => {
    const text = 'listen: 0.0.0.0:0\ntls: terminated\ntrustedProxies: [10.0.0.7, 192.168.4.0/24, "fd00::/8"]';
    const { tls, trustedProxies, callers } = await place.load(text);
    expect(tls).toBe('terminated');
    const isIn = (list: BlockList | undefined, address: string) =>
      list?.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
    const lets = (address: string) => isIn(callers, address);
    for (const address of ['127.0.0.1', '::1', '10.0.0.7', '::ffff:10.0.0.7', '192.168.4.9', 'fd12::1'])
      expect(lets(address)).toBe(true);
    for (const address of ['10.0.0.8', '::ffff:10.0.0.8', '192.168.5.1', 'fe80::1']) expect(lets(address)).toBe(false);
    // Of what they say of others the named ones are believed alone.
    expect(['10.0.0.7', '127.0.0.1', '::1'].map((address) => isIn(trustedProxies, address))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it.each([
    ['trustedProxies: [10.0.0.7]', 'trustedProxies is for tls: terminated alone'],
    ['tls: terminated\ntrustedProxies: [proxy.example]', 'must be an address or a network'],
    ['tls: terminated\ntrustedProxies: [10.0.0.0/33]', 'must be an address or a network'],
    ['tls: { cert: a }', 'tls.key: must be a text'],
    ['tls: yes', 'tls: must be terminated, or must be names with values'],
    ['tls: { cert: a, key: b, clientCA: c }', 'tls.clientCA: unknown key; did you mean clientCa?'],
    ['tls: { cert: a, key: b, crl: c }', 'is a list of clientCa, which is missing'],
    ['tls: { cert: a, key: b, minVersion: TLSv1.1 }', 'tls.minVersion: must be TLSv1.2 or TLSv1.3'],
  ])('may not be %j', async (text, says) => {
    expect(await place.complaint(text)).toContain(says);
  });
});

describe('who may call', () => {
  const jwt = (more: string) =>
    `auth: { jwt: [{ audience: a, rules: [{ when: { scope: x }, role: viewer }], ${more} }] }`;
  const mtls = (more: string) => `tls: { cert: c, key: k, clientCa: a }\nauth: { mtls: [{ role: viewer, ${more} }] }`;

  it.each([
    ['an issuer whose keys would come in clear', jwt('issuer: "http://id.example"'), 'is not an https URL'],
    ['keys in clear', jwt('issuer: i, jwks: "http://id.example/keys"'), 'must be an https URL'],
    [
      'a symmetric algorithm',
      jwt('issuer: "https://i", algorithms: [HS256]'),
      'auth.jwt.0.algorithms.0: must be RS256 or',
    ],
    [
      'a rule for every JWT',
      'auth: { jwt: [{ issuer: "https://i", audience: a, rules: [{ when: {}, role: admin }] }] }',
      'must name a claim',
    ],
    ['certificates without an authority', 'auth: { mtls: [{ dns: a, role: viewer }] }', 'auth.mtls needs tls.clientCa'],
    ['a SPIFFE ID with a wildcard', mtls('spiffe: "spiffe://clinic/*"'), 'without "*"'],
    ['a DNS name with a wildcard', mtls('dns: "*.clinic.example"'), 'without "*"'],
    ['a rule of two names', mtls('dns: a, spiffe: "spiffe://clinic/a"'), 'one of both'],
    ['a rule of no name', mtls('sources: [a]'), 'one of both'],
    ['a rule by common name', mtls('cn: hms-api'), 'auth.mtls.0.cn: unknown key'],
  ])('may not be said by %s', async (_what, text, says) => {
    expect(await place.complaint(text)).toContain(says);
  });

  it('may be said by all three', async () => {
    const { auth } = await place.load(
      `tls: { cert: c, key: k, clientCa: a }
auth:
  tokens: [{ name: t, sha256: '${'0'.repeat(64)}', role: viewer }]
  jwt: [{ issuer: 'https://id.example', audience: hms-sync, rules: [{ when: { scope: [a, b] }, role: publisher, sources: [hms-api] }] }]
  mtls: [{ spiffe: 'spiffe://clinic/hms-api', role: publisher, sources: [hms-api] }]`,
    );
    expect(auth).toMatchObject({
      tokens: [{ name: 't' }],
      jwt: [{ audience: 'hms-sync' }],
      mtls: [{ role: 'publisher' }],
    });
  });
});

describe('what narrows a role', () => {
  const token = (text: string) => `auth: { tokens: [{ name: t, sha256: '${'0'.repeat(64)}', ${text} }] }`;
  it.each([
    ['role: viewer, sources: [one]', 'auth.tokens.0.sources: does not narrow the role viewer'],
    ['role: operator, types: [A]', 'auth.tokens.0.types: does not narrow'],
    ['role: admin, adapters: [lab]', 'auth.tokens.0.adapters: does not narrow the role admin'],
    ['role: adapter-operator', 'auth.tokens.0.adapters: must name the adapters'],
    ['role: viewer, adapters: ["l*"]', 'auth.tokens.0.adapters: holds a value'],
    ['role: publisher, types: ["a*b"]', 'auth.tokens.0.types: holds a value'],
  ])('is refused where nothing would enforce it: %s', async (text, complaint) => {
    expect(await place.complaint(token(text))).toContain(complaint);
  });

  it('is taken where it is enforced', async () => {
    await place.load(token('role: publisher, types: ["Process*"], sources: [one], keys: ["p-*"]'));
    await place.load(token('role: adapter-operator, adapters: [lab]'));
  });

  it('must name the sources of a publisher by JWT', async () => {
    const rules = '[{ when: { scope: a }, role: publisher }]';
    const complaint = await place.complaint(
      `auth: { jwt: [{ issuer: 'https://id.example', audience: x, rules: ${rules} }] }`,
    );
    expect(complaint).toContain('auth.jwt.0.rules.0.sources: must name the sources of a publisher');
  });
});

it('sends the token of a remote adapter in clear over a network only when that is said', async () => {
  const remote = (text: string) => `adapters: [{ id: lab, runtime: remote, remote: { ${text} } }]`;
  const token = 'address: "lab.example:7443", token: t, plaintext: true';
  expect(await place.complaint(remote(token))).toContain('would send the token in clear over a network');
  expect(await place.complaint(remote('address: "lab.example:7443", insecure: true'))).toContain(
    'is for plaintext: true',
  );
  await place.load(remote(`${token}, insecure: true`));
  await place.load(remote(token.replace('lab.example', '127.0.0.1')));
});

describe('the journal of several hubs', () => {
  const url = 'postgres://hub@db.example/hms';

  it('is named by a flag, the environment or the file', async () => {
    const text = `journal: ${url}_file`;
    const env = { HMS_SYNC_JOURNAL: `${url}_env` };
    expect((await place.load(text)).journalUrl).toBe(`${url}_file`);
    expect((await place.load(text, { env })).journalUrl).toBe(`${url}_env`);
    expect((await place.load(text, { env, flags: { journal: `${url}_flag` } })).journalUrl).toBe(`${url}_flag`);
    expect((await place.load('')).journalUrl).toBeUndefined();
  });

  it('has its password from a secret, whatever is in it', async () => {
    const env = { PASSWORD: 'a@b/c?d#e%41&f' };
    const { journalUrl = '' } = await place.load('journal: postgres://hub:${PASSWORD}@db.example/hms', { env });
    expect(decodeURIComponent(new URL(journalUrl).password)).toBe(env.PASSWORD);
    expect(new URL(journalUrl).host).toBe('db.example');
    const { journalUrl: asked = '' } = await place.load('journal: postgres://hub@db.example/hms?password=${PASSWORD}', {
      env,
    });
    expect(new URL(asked).searchParams.get('password')).toBe(env.PASSWORD);
    const missing = await place.complaint('journal: postgres://hub:${NONE}@db.example/hms');
    expect(missing).toMatch(/journal: the environment variable NONE is not set/);
  });

  it('may be a secret with all of it, in the environment', async () => {
    const env = { HMS_SYNC_JOURNAL: 'postgres://hub:pass@db.example/hms' };
    expect((await place.load('', { env })).journalUrl).toBe(env.HMS_SYNC_JOURNAL);
  });

  it.each([
    ['postgres://hub:pass-word@db.example/hms'],
    ['postgres://hub:pass${NONE}word@db.example/hms'],
    ['postgres://hub@db.example/hms?schema=a&password=pass-word'],
  ])('is refused with a password in clear, in an argument and in the file: %s', async (journal) => {
    for (const complaint of [
      await place.complaint('', { flags: { journal } }),
      await place.complaint(`journal: ${journal}`),
    ]) {
      expect(complaint).toMatch(/holds a password.*DATABASE_PASSWORD.*PGPASSWORD/);
      expect(complaint).not.toMatch(/pass-word|pass\$/);
    }
  });

  it('may have a port, and an @ in a parameter', async () => {
    const journal = 'postgres://db.example:5433/hms?user=a@b';
    expect((await place.load('', { flags: { journal } })).journalUrl).toBe(journal);
  });

  it('is refused as something else, without showing it', async () => {
    const env = { HMS_SYNC_JOURNAL: 'mysql://hub:pass-word@db.example/hms' };
    const complaint = await place.complaint('', { env });
    expect(complaint).toBe('HMS_SYNC_JOURNAL: must be postgres://<user>@<host>:5432/<database>');
  });
});
