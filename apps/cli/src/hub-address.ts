import { InvalidArgumentError, Option } from 'commander';

/** Where a hub is that nobody placed elsewhere. */
export const DEFAULT_ADDRESS = 'http://127.0.0.1:7003';

/** The option of every command that speaks to a hub. */
export function addressOption(): Option {
  return new Option('--address <url>', 'where the hub is')
    .env('HMS_SYNC_ADDRESS')
    .default(DEFAULT_ADDRESS)
    .argParser(parseAddress);
}

/** Takes "http://host:port", "https://host:port" and, for short, "host:port". */
export function parseAddress(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new InvalidArgumentError('Write it as http://host:port, such as http://127.0.0.1:7003.');
  }
  return url.href.replace(/\/$/, '');
}
