import { BlockList } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { AccessError } from '../../access/access-error.ts';
import { Authenticator } from '../../access/authenticator.ts';
import { CountPerMinute } from '../../access/count-per-minute.ts';
import { HTTP_VERSIONS, type HttpVersion, post } from '../http/http-client.fixture.ts';
import { createIdentify } from './identify.ts';
import { listen } from './listener.ts';
import type { HttpHandler } from './messages.ts';
import { TrustedAddresses } from './trusted-addresses.ts';

/** A port that answers with the address of each request's caller, and how its credential was refused. */
async function open(proxies: BlockList | undefined) {
  const authenticator = new Authenticator({
    withoutCredential: 'nobody',
    token: () => {
      throw new AccessError('CREDENTIAL_REFUSED', 'no such token');
    },
    jwt: () => {
      throw new AccessError('CREDENTIAL_REFUSED', 'no issuer');
    },
  });
  const callers = createIdentify({
    authenticator,
    failed: new CountPerMinute(20, () => 0),
    bySocket: false,
    proxies: proxies && new TrustedAddresses(proxies),
  });
  const handler: HttpHandler = async (request, response) => {
    const address = callers.addressOf(request);
    const refused = await Promise.try(() => callers.principalOf(request)).catch((error) => error.message);
    response.end(JSON.stringify({ address, refused }));
  };
  const { port, close } = await listen({ host: '127.0.0.1', port: 0 }, handler);
  onTestFinished(() => close(0));
  return port;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');

/** @param forwarded as a header for each */
async function ask(port: number, version: HttpVersion, ...forwarded: string[]) {
  const headers = { authorization: 'Bearer hms_wrong', 'x-forwarded-for': forwarded as never };
  return (await post({ version, port, headers })).body;
}

it.each(HTTP_VERSIONS)('counts wrong credentials of each caller behind a proxy apart, over %s', async (version) => {
  const port = await open(loopback);
  for (let guess = 0; guess < 20; guess++) {
    // Whatever the caller sends before, the proxy appends where it was called from.
    expect(await ask(port, version, `10.0.0.${guess}`, '203.0.113.9')).toEqual({
      address: '203.0.113.9',
      refused: 'no such token',
    });
  }
  expect(await ask(port, version, '203.0.113.9')).toMatchObject({
    refused: 'this address sent too many wrong credentials',
  });
  expect(await ask(port, version, '203.0.113.10')).toEqual({ address: '203.0.113.10', refused: 'no such token' });
});

it.each(HTTP_VERSIONS)('does not take the word of a peer that is no trusted proxy, over %s', async (version) => {
  const others = new BlockList();
  others.addAddress('10.0.0.7');
  for (const proxies of [undefined, others]) {
    const port = await open(proxies);
    expect(await ask(port, version, '203.0.113.9')).toMatchObject({ address: '127.0.0.1' });
  }
});
