import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { forwardedAddress } from './forwarded.ts';
import { TrustedAddresses } from './trusted-addresses.ts';

const list = new BlockList();
list.addAddress('10.0.0.7');
list.addSubnet('10.1.0.0', 24, 'ipv4');
list.addSubnet('fd00::', 8, 'ipv6');
const proxies = new TrustedAddresses(list);

const PROXY = '10.0.0.7';

it.each([
  ['one caller', '203.0.113.9', '203.0.113.9'],
  ['the last of a list, as the others are what the caller sent', '10.0.0.7, 8.8.8.8, 203.0.113.9', '203.0.113.9'],
  ['the caller of a proxy behind a proxy', '203.0.113.9, 10.1.0.3,fd00::1', '203.0.113.9'],
  ['nothing further left than who is no proxy', '8.8.8.8, 203.0.113.9, 10.1.0.3', '203.0.113.9'],
  ['a proxy that called by itself', '10.1.0.3', '10.1.0.3'],
  ['the first of proxies alone', '10.1.0.4, 10.1.0.3', '10.1.0.4'],
  ['IPv4 with a port', '203.0.113.9:51234', '203.0.113.9'],
  ['IPv6', '2001:db8::9', '2001:db8::9'],
  ['IPv6 in brackets', '[2001:db8::9]', '2001:db8::9'],
  ['IPv6 with a port', '[2001:db8::9]:443', '2001:db8::9'],
  ['IPv4 as IPv6', '::ffff:203.0.113.9', '203.0.113.9'],
  ['a proxy as IPv6', '203.0.113.9, ::ffff:10.1.0.3', '203.0.113.9'],
  ['blanks', ' \t 8.8.8.8 ,\t203.0.113.9 \t', '203.0.113.9'],
])('finds %s', (_, header, address) => {
  expect(forwardedAddress(PROXY, header, proxies)).toBe(address);
  expect(forwardedAddress(`::ffff:${PROXY}`, header, proxies)).toBe(address);
});

it.each([
  ...[
    '',
    ' ',
    ',',
    '8.8.8.8,',
    '8.8.8.8, ',
    'unknown',
    '_hidden',
    '8.8.8.8, unknown',
    '203.0.113.256',
    '203.0.113',
    '1',
  ],
  ...[
    '203.0.113.9:',
    '203.0.113.9:123456',
    '203.0.113.9 8.8.8.8',
    '203.0.113.9;8.8.8.8',
    '"203.0.113.9"',
    '203.0.113.9\n',
  ],
  ...[
    '2001:db8::9%eth0',
    'fe80::1%',
    '[2001:db8::9',
    '2001:db8::9]',
    '[203.0.113.9]',
    '[]',
    '::1::',
    '[::1]:x',
    '0x7f000001',
  ],
  ...['for=203.0.113.9', '203.0.113.9/24', '٢٠٣.0.113.9', '\0', 'é'],
])('takes %j, which names nobody, as the word of the proxy itself, and looks no further', (header) => {
  expect(forwardedAddress(PROXY, header, proxies)).toBe(PROXY);
});

it('takes the word of no other peer, and of nobody where no proxy is trusted', () => {
  for (const peer of ['203.0.113.1', '127.0.0.1', '::1', '::ffff:203.0.113.1', '10.0.0.8', 'unknown']) {
    expect(forwardedAddress(peer, '8.8.8.8', proxies)).toBe(peer);
  }
  expect(forwardedAddress(PROXY, '8.8.8.8', undefined)).toBe(PROXY);
  expect(forwardedAddress(PROXY, undefined, proxies)).toBe(PROXY);
});

it('looks at no more than the end of a header of a megabyte, whatever is in it', () => {
  const size = 2 ** 20;
  const headers = [
    ...[' ', ',', '1', ':', '[', '.', 'f:', '10.1.0.3,', '10.1.0.3:1 ,'].map((part) => part.repeat(size / part.length)),
    `${' '.repeat(size)}8.8.8.8`,
    `8.8.8.8${' '.repeat(size)}`,
  ];
  const startedMs = performance.now();
  for (const header of headers) expect(['10.0.0.7', '10.1.0.3']).toContain(forwardedAddress(PROXY, header, proxies));
  expect(forwardedAddress(PROXY, `${'8.8.8.8, '.repeat(100_000)}203.0.113.9`, proxies)).toBe('203.0.113.9');
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

it('returns an address that is no trusted proxy’s, or a proxy’s, whatever the header is', () => {
  const entry = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constantFrom('10.1.0.3', '[fd00::1]:1', '203.0.113.9'));
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const address = forwardedAddress(PROXY, entries.join(), proxies);
      expect(isIP(address)).toBeGreaterThan(0);
      // With what the caller could have sent before it, it is the same.
      if (!list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')) {
        expect(forwardedAddress(PROXY, `8.8.8.8,${entries.join()}`, proxies)).toBe(address);
      }
    }),
  );
});
