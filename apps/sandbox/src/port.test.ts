import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Port } from './port.ts';

let server: Server;
let squatter: Server;
beforeEach(() => {
  server = createServer();
  squatter = createServer();
});
afterEach(async () => {
  for (const one of [server, squatter]) if (one.listening) await once(one.close(), 'close');
});

function newPort(port = 0): Port {
  return new Port({ name: 'billing', server, host: '127.0.0.1', port });
}
function numberOf(port: Port): number {
  return Number(new URL(port.url).port);
}
function squat(port: number) {
  return once(squatter.listen(port, '127.0.0.1'), 'listening');
}

describe('Port', () => {
  it('opens where it was before', async () => {
    const port = newPort();
    await port.open();
    const before = port.url;
    await port.close();
    expect(server.listening).toBe(false);
    await port.open();
    expect(port.url).toBe(before);
    expect(server.address()).toMatchObject({ port: numberOf(port) });
  });

  it('waits when another program holds the port for a moment', async () => {
    const port = newPort();
    await port.open();
    await port.close();
    await squat(numberOf(port));
    const refused = once(server, 'error');
    const opening = port.open();
    await refused;
    squatter.close();
    await opening;
    expect(server.listening).toBe(true);
  });

  it('reports when the port stays in use, and can be opened later', async () => {
    const port = newPort();
    await port.open();
    await port.close();
    await squat(numberOf(port));
    await expect(port.open()).rejects.toMatchObject({ code: 'port_unavailable' });
    await once(squatter.close(), 'close');
    await port.open();
    expect(server.listening).toBe(true);
  });

  it('fails at once when it never had the port', async () => {
    await squat(0);
    const address = squatter.address();
    const port = newPort(address !== null && typeof address === 'object' ? address.port : 0);
    let tries = 0;
    server.on('error', () => {
      tries += 1;
    });
    await expect(port.open()).rejects.toThrow(/^billing cannot listen on port \d+ of 127\.0\.0\.1: it is in use: stop/);
    expect(tries).toBe(1);
  });

  it('reports what is wrong with a host that is not this machine', async () => {
    const port = new Port({ name: 'billing', server, host: '192.0.2.1', port: 0 });
    await expect(port.open()).rejects.toThrow('this machine has no such address: choose another host');
  });

  it('writes an IPv6 address as a URL does', () => {
    expect(new Port({ name: 'billing', server, host: '::1', port: 80 }).url).toBe('http://[::1]:80');
  });
});
