import { isIPv4, isIPv6 } from 'node:net';
import { quotableName } from '@hms-sync/adapter-sdk/host';
import { ConfigError } from './config-error.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export const DEFAULT_LISTEN = '127.0.0.1:7003';

/** Whether only this machine can reach an address. A name other than localhost may mean any. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^::ffff:/i, '');
  return host === 'localhost' || host === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** @param source where the text is set, for the message */
export function parseListen(source: string, text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  const [, ipv6, name, digits] = match ?? [];
  const host = ipv6 === undefined || isIPv6(ipv6) ? (ipv6 ?? name) : undefined;
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    const wrong = /^[\w./:[\]-]{1,64}$/.test(text) ? `"${text}"` : quotableName(text);
    throw new ConfigError(`${source}: ${wrong} is not an address; write host:port, such as ${DEFAULT_LISTEN}`);
  }
  return Object.freeze({ host, port });
}
