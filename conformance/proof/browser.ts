import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Authority } from '../src/access/authority.ts';
import { replace } from '../src/access/secure-hub.ts';
import { tokensBySocket } from '../src/access/tokens.ts';
import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { BrowserTraffic } from './browser-traffic.ts';

/**
 * `npm run browser`: what a web page tries with a hub, in Chromium on the hub's machine: a page of another site, of another
 * port, of no origin, and of a name that means the hub since the page has loaded (DNS rebinding). A try reached the hub
 * when the journal changed, or when the page read an answer other than a refusal. A line for each try; the last line is
 * the sum.
 *
 * Before it, the same from a page of the hub's own name: it must reach the hub, so that the tries are known to be real.
 * Chromium's own protection of local addresses is off, because the hub's protection is tested.
 */

const { values } = parseArgs({ options: { chromium: { type: 'string', default: '/usr/bin/chromium' } } });
if (!existsSync(values.chromium)) {
  console.error(
    `there is no browser at ${values.chromium}: install it with "apt-get install chromium", or run "npm run browser -- --chromium <path>"`,
  );
  process.exit(2);
}

/** A hub that a page tries to reach. */
interface Target {
  readonly name: string;
  readonly hub: Hub;
  readonly folder: HubFolder;
  /** What the browser must speak with it. */
  readonly protocol: 'http/1.1' | 'h2';
  /** A token that may publish. */
  readonly token: string;
}

/** Where a page is from. */
interface Origin {
  readonly who: string;
  readonly host: (hub: Hub) => string;
  readonly port: (hub: Hub) => number;
  /** It calls the hub by its own name, not by the hub's. */
  readonly isRebound?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

const OWN: Origin = { who: "a page of the hub's own", host: (hub) => hub.host, port: (hub) => hub.port };
const STRANGE_PORT = 8_081;
const FOREIGN: readonly Origin[] = [
  { who: 'a page of another site', host: () => 'evil.example', port: () => STRANGE_PORT },
  { who: 'a page of another port', host: (hub) => hub.host, port: () => STRANGE_PORT },
  {
    ...{ who: 'a page of no origin', host: () => 'evil.example', port: () => STRANGE_PORT },
    headers: { 'content-security-policy': 'sandbox allow-scripts allow-forms allow-popups' },
  },
  { who: 'a page of a rebound name', host: () => 'evil.example', port: (hub) => hub.port, isRebound: true },
];
/** Of answers that say no more than that the caller may not. 421: not by this name. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 421]);
/** Tries that must reach every hub from a page of its own. */
const MUST_REACH = ['fetch, GET', 'a frame', 'fetch, POST of JSON with a token'];

const script = readFileSync(new URL('browser-page.js', import.meta.url), 'utf8');
const folders: HubFolder[] = [];
const problems: string[] = [];
const sum = { tries: 0, reached: 0, answered: 0 };
let number = 0;

try {
  const targets = [
    await startTarget('hms-sync dev', { flags: ['--dev'] }),
    await startTarget('hms-sync start', {}),
    await startTarget('hms-sync dev with TLS', { flags: ['--dev'], isTls: true }),
  ];
  const browser = await launch(targets.map(({ hub }) => hub));
  for (const target of targets) await attack(browser, target);
  await browser.close();
} finally {
  for (const folder of folders) await folder.remove();
}
for (const problem of problems) console.log(`the tries show nothing: ${problem}`);
console.log(`${sum.tries} tries, ${sum.answered} seen to be answered by the hub, ${sum.reached} reached`);
process.exit(sum.reached + problems.length === 0 ? 0 : 1);

async function startTarget(
  name: string,
  { flags = [], isTls = false }: { readonly flags?: readonly string[]; readonly isTls?: boolean },
): Promise<Target> {
  const tls = isTls ? { tls: { cert: 'hub.pem', key: 'hub-key.pem' } } : {};
  const folder = await HubFolder.create({ config: { auth: {}, ...tls } });
  folders.push(folder);
  if (isTls) {
    const pair = await (await Authority.create()).issue();
    await replace(folder.path, { 'hub.pem': pair.cert, 'hub-key.pem': pair.key });
  }
  const hub = await folder.start({}, { flags });
  const tokens = tokensBySocket(folder.path);
  const token = await tokens.create({ name: 'page', role: Role.PUBLISHER });
  tokens.close();
  return { name, hub, folder, token, protocol: isTls ? 'h2' : 'http/1.1' };
}

/** Starts a browser that takes the hubs for public servers: otherwise it would protect them before they do. */
function launch(hubs: readonly Hub[]): Promise<Browser> {
  const spaces = hubs.map(({ host, port }) => `${host}:${port}=public`);
  return chromium.launch({
    executablePath: values.chromium,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      '--host-resolver-rules=MAP evil.example 127.0.0.1',
      `--ip-address-space-overrides=${spaces.join(',')}`,
    ],
  });
}

async function attack(browser: Browser, target: Target): Promise<void> {
  const own = await tryAll(browser, target, OWN);
  console.log(`${target.name}: ${own.reached.length} of ${own.tries} tries reached it from ${OWN.who}`);
  for (const name of MUST_REACH) {
    if (!own.reached.includes(name)) problems.push(`"${name}" did not reach ${target.name} from ${OWN.who}`);
  }
  if (!own.protocols.includes(target.protocol))
    problems.push(`the browser did not speak ${target.protocol} with ${target.name}`);
  for (const origin of FOREIGN) {
    const { tries, reached, answered } = await tryAll(browser, target, origin);
    sum.tries += tries;
    sum.reached += reached.length;
    sum.answered += answered;
    if (answered < tries / 2) problems.push(`the browser sent few requests from ${origin.who} to ${target.name}`);
  }
}

/** Runs every try from a page of an origin. */
async function tryAll(browser: Browser, target: Target, origin: Origin) {
  const { hub, token, folder } = target;
  const scheme = new URL(hub.address).protocol;
  const address = `${scheme}//${origin.host(hub)}:${origin.port(hub)}/page`;
  const hubUrl = origin.isRebound ? address : hub.address;
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const traffic = await BrowserTraffic.of(page);
  await open(page, address, origin.headers);
  const names: readonly string[] = await page.evaluate('Object.keys(TRIES)');
  const reached: string[] = [];
  let answered = 0;
  for (const name of names) {
    number += 1;
    const before = await folder.journalDigest();
    const asked = JSON.stringify({ name, hub: hubUrl, number, token });
    const read: string | undefined = await page.evaluate(`tryOut(${asked})`);
    const statuses = await traffic.settled(number);
    const isAnswered = read !== undefined && !statuses.every((status) => REFUSALS.has(status));
    const isReached = isAnswered || (await folder.journalDigest()) !== before;
    if (isReached) reached.push(name);
    if (statuses.length > 0) answered += 1;
    console.log(
      `${isReached ? 'reached' : 'refused'}  ${target.name}: ${origin.who}: ${name} (${statuses.join(', ') || 'no status'})`,
    );
  }
  const protocols: readonly string[] = await page.evaluate(
    'performance.getEntries().map(({ nextHopProtocol }) => nextHopProtocol)',
  );
  await context.close();
  return { tries: names.length, reached, answered, protocols };
}

/** Opens a page that no server has. What it asks for later goes where its addresses lead. */
async function open(page: Page, address: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const body = `<!doctype html><body><script>${script}</script>`;
  await page.route(address, (route) => route.fulfill({ contentType: 'text/html', headers: { ...headers }, body }));
  await page.goto(address);
  // While a route is there, Playwright also answers CORS preflights itself.
  await page.unroute(address);
}
