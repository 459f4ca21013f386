import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Hub } from '../hub.ts';
import { type HubConfig, HubFolder } from '../hub-folder.ts';
import { Authority, type Pair } from './authority.ts';

/** Writes as who renews certificates should: nobody sees a half of one. */
export async function replace(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.new`), text, { mode: 0o600 });
    await rename(join(folder, `${name}.new`), join(folder, name));
  }
}

/** A hub that speaks TLS, with the authority that it and its clients trust. */
export interface SecureHub {
  readonly authority: Authority;
  readonly folder: HubFolder;
  readonly hub: Hub;
}

export async function startSecureHub({
  tls = {},
  files = async () => ({}),
  ...config
}: HubConfig & {
  readonly tls?: object;
  /** More files for its folder. */
  readonly files?: (authority: Authority) => Promise<Readonly<Record<string, string>>>;
} = {}): Promise<SecureHub> {
  const authority = await Authority.create();
  const pair = await authority.issue();
  const folder = await HubFolder.create({
    config: { auth: {}, tls: { cert: 'hub.pem', key: 'hub-key.pem', ...tls }, ...config },
  });
  onTestFinished(() => folder.remove());
  const more = await files(authority);
  await replace(folder.path, { 'hub.pem': pair.cert, 'hub-key.pem': pair.key, 'ca.pem': authority.cert, ...more });
  return { authority, folder, hub: await folder.start() };
}

export interface Asking {
  readonly httpVersion?: '1.1' | '2';
  /** The client certificate to show. */
  readonly pair?: Pick<Pair, 'cert' | 'key'> | undefined;
  /** The bearer credential to send. */
  readonly bearer?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const PATH = '/hms.sync.v1.AccessService/WhoAmI';

/** Asks a hub, on a connection of its own, who asks it. Rejects when the connection ends instead. */
export async function whoAmI({ hub, authority }: SecureHub, asking: Asking = {}): Promise<Answer> {
  const { httpVersion = '1.1', pair, bearer } = asking;
  const tls = { ca: authority.cert, ...(pair && { cert: pair.cert, key: pair.key }) };
  const headers = {
    'content-type': 'application/json',
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
  };
  if (httpVersion === '1.1') {
    const asked = request(new URL(PATH, hub.address), { ...tls, method: 'POST', headers, agent: false });
    asked.end('{}');
    const [response] = await once(asked, 'response');
    return { status: response.statusCode, body: (await json(response)) as Answer['body'] };
  }
  const session = connect(hub.address, tls);
  try {
    const failed = once(session, 'close').then(() => Promise.reject(new Error('the connection ended')));
    session.on('error', () => undefined);
    const stream = session.request({ ':method': 'POST', ':path': PATH, ...headers });
    stream.on('error', () => undefined);
    stream.end('{}');
    const [answered] = await Promise.race([once(stream, 'response'), failed]);
    failed.catch(() => undefined);
    return { status: answered[':status'], body: (await json(stream)) as Answer['body'] };
  } finally {
    session.destroy();
  }
}
