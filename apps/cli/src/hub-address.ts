import { InvalidArgumentError, Option } from 'commander';

/** The default address of a hub. */
export const DEFAULT_ADDRESS = 'http://127.0.0.1:7003';

/** The option of every command that calls a hub. */
export function addressOption(): Option {
  return new Option('--address <url>', "the hub's URL")
    .env('HMS_SYNC_ADDRESS')
    .default(DEFAULT_ADDRESS)
    .argParser(parseAddress);
}

/** Accepts "http://host:port", "https://host:port" and "host:port". */
export function parseAddress(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new InvalidArgumentError('Write it as http://host:port, such as http://127.0.0.1:7003.');
  }
  return url.href.replace(/\/$/, '');
}
