import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { OwnNames } from './own-names.ts';

const names = new OwnNames({
  hosts: ['hub.local', '192.0.2.7', '2001:DB8::1'],
  port: 7003,
  publicUrls: ['https://hub.clinic.example', 'https://hub.clinic.example:8443', 'http://plain.example'],
});

interface Said {
  readonly hosts?: readonly string[];
  readonly authority?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The status by which a request is turned away; undefined when it is welcome. */
function judge({ hosts = [], authority, url = '/sync', headers = {} }: Said): number | undefined {
  const rawHeaders = hosts.flatMap((host) => ['Host', host]);
  const all = { ...headers, ...(authority !== undefined && { ':authority': authority }) };
  return names.judge({ url, rawHeaders, headers: all } as unknown as IncomingMessage)?.status;
}

const OWN = [
  'localhost',
  'localhost:7003',
  'LocalHost:7003',
  '127.0.0.1:7003',
  '[::1]:7003',
  '[::1]',
  'hub.local:7003',
  '192.0.2.7:7003',
  '[2001:db8::1]:7003',
  'hub.clinic.example',
  'hub.clinic.example:443',
  'hub.clinic.example:8443',
  'plain.example:80',
];

const FOREIGN = [
  'rebound.example:7003',
  'localhost.rebound.example:7003',
  'localhost.:7003',
  'localhost:7004',
  '127.0.0.1:80',
  '127.1:7003',
  '2130706433:7003',
  '0x7f.0.0.1:7003',
  '127.0.0.1.nip.io:7003',
  '[::ffff:127.0.0.1]:7003',
  '[0:0:0:0:0:0:0:1]:7003',
  '[2001:db8::2]:7003',
  'hub.clinic.example:7003',
  'plain.example:443',
];

const MALFORMED = [
  '',
  'a b',
  'localhost:7003 ',
  'localhost:',
  'localhost:0',
  'localhost:07003',
  'localhost:99999',
  'localhost:7003:7003',
  'localhost:x',
  'user@localhost:7003',
  'user:secret@localhost',
  'localhost:7003/path',
  'localhost:7003,rebound.example',
  'localhost#',
  '[::1',
  '::1',
  '[localhost]:7003',
  '[::1%25eth0]:7003',
  '%6cocalhost:7003',
  'löcalhost:7003',
  'x'.repeat(4_000),
];

describe.each([
  ['Host', (text: string): Said => ({ hosts: [text] })],
  [':authority', (text: string): Said => ({ authority: text })],
  ['whole URL', (text: string): Said => ({ hosts: [text], url: `http://${text}/sync` })],
])('the %s of a request', (kind, said) => {
  it.each(OWN)('may be %j', (text) => {
    expect(judge(said(text))).toBeUndefined();
  });

  it.each(FOREIGN)('may not be %j, which is not the hub', (text) => {
    expect(judge(said(text))).toBe(421);
  });

  it.each(MALFORMED.filter((text) => kind !== 'whole URL' || !/[/#]/.test(text)))(
    'may not be %j, which is none',
    (text) => {
      expect(judge(said(text))).toBe(400);
    },
  );
});

describe('a request', () => {
  it.each<[string, Said]>([
    ['without a Host', {}],
    ['with two Hosts', { hosts: ['localhost:7003', 'localhost:7003'] }],
    ['with two that differ', { hosts: ['localhost:7003', 'rebound.example'] }],
    ['with an :authority and another Host', { authority: 'localhost:7003', hosts: ['rebound.example'] }],
    ['for a whole URL of another host', { hosts: ['localhost:7003'], url: 'http://rebound.example/sync' }],
  ])('%s is turned away', (_what, said) => {
    expect(judge(said)).toBe(400);
  });

  it('whose Host says the same as its :authority is welcome', () => {
    expect(judge({ authority: 'localhost:7003', hosts: ['LOCALHOST:7003'] })).toBeUndefined();
  });
});

describe('a page', () => {
  const from = (headers: Readonly<Record<string, string>>) => judge({ hosts: ['localhost:7003'], headers });

  it.each([
    'http://localhost:7003',
    'http://127.0.0.1:7003',
    'http://hub.local:7003',
    'http://[2001:db8::1]:7003',
    'https://hub.clinic.example',
    'https://hub.clinic.example:8443',
  ])('of the hub may call it: %s', (origin) => {
    expect(from({ origin, 'sec-fetch-site': 'same-origin' })).toBeUndefined();
  });

  it.each([
    'null',
    '',
    'http://rebound.example',
    'http://rebound.example:7003',
    'http://localhost',
    'http://localhost:3000',
    'https://localhost:7003',
    'http://localhost:7003.rebound.example',
    'http://user@localhost:7003',
    'http://localhost:7003/',
    'http://localhost:7003, http://localhost:7003',
    'http://hub.clinic.example',
    'chrome-extension://abc',
  ])('of another site may not: Origin %j', (origin) => {
    expect(from({ origin })).toBe(403);
  });

  it.each(['cross-site', 'same-site', 'Same-Origin', 'none, cross-site', ''])(
    'of another site may not, without an Origin either: Sec-Fetch-Site %j',
    (site) => {
      expect(from({ 'sec-fetch-site': site })).toBe(403);
    },
  );

  it("that a browser opened by its address is nobody else's", () => {
    expect(from({ 'sec-fetch-site': 'none' })).toBeUndefined();
  });
});
