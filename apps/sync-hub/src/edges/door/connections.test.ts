import { describe, expect, it } from 'vitest';
import { Connections, connectionBounds } from './connections.ts';

describe('the bounds of connections', () => {
  it('are those that were asked for, or 1,024 and 128', () => {
    expect(connectionBounds({}, 100_000)).toEqual({ inAll: 1_024, perAddress: 128 });
    expect(connectionBounds({ inAll: 7, perAddress: 3 }, 100_000)).toEqual({ inAll: 7, perAddress: 3 });
  });

  it.each([
    [1_024, 768],
    [1_280, 1_024],
    [300, 150],
    [2, 1],
  ])('of a process with %i files leave some for the hub itself: %i', (openFilesMax, inAll) => {
    expect(connectionBounds({}, openFilesMax).inAll).toBe(inAll);
    expect(connectionBounds({ inAll: 1_000_000 }, openFilesMax).inAll).toBeLessThan(openFilesMax);
  });

  it('know the limit of this process', () => {
    expect(connectionBounds({ inAll: Number.MAX_SAFE_INTEGER }).inAll).toBeGreaterThan(0);
  });
});

describe('connections', () => {
  it('are refused past the bound of their address, and taken again once one has closed', () => {
    const connections = new Connections({ inAll: 10, perAddress: 2 });
    const close = connections.open('192.0.2.1');
    expect(connections.open('192.0.2.1')).toBeDefined();
    expect(connections.open('192.0.2.1')).toBeUndefined();
    expect(connections.open('192.0.2.2')).toBeDefined();
    close?.();
    expect(connections.open('192.0.2.1')).toBeDefined();
    expect(connections.open('192.0.2.1')).toBeUndefined();
  });

  it('are refused past the bound of all', () => {
    const connections = new Connections({ inAll: 2, perAddress: 2 });
    expect(connections.open('192.0.2.1')).toBeDefined();
    const close = connections.open('192.0.2.2');
    expect(connections.open('192.0.2.3')).toBeUndefined();
    close?.();
    expect(connections.open('192.0.2.3')).toBeDefined();
  });

  it.each([
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['2001:db8::1', '2001:db8:0:0:ffff::1'],
    ['::1', '::2'],
    ['fe80::1%eth0', 'fe80::2'],
  ])('of %s and %s are those of one caller', (one, other) => {
    const connections = new Connections({ inAll: 10, perAddress: 1 });
    expect(connections.open(one)).toBeDefined();
    expect(connections.open(other)).toBeUndefined();
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::1', '1::'],
    ['127.0.0.1', '::1'],
  ])('of %s and %s are those of two', (one, other) => {
    const connections = new Connections({ inAll: 10, perAddress: 1 });
    expect(connections.open(one)).toBeDefined();
    expect(connections.open(other)).toBeDefined();
  });
});
