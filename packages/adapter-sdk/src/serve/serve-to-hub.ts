import { requireBearerToken } from './bearer-token.ts';
import { listenForHub } from './hub-connection.ts';
import type { AdapterSource } from './load-adapter.ts';
import type { ServedAdapter, ServeOptions } from './serve.ts';
import { createServices } from './services.ts';

/** How an adapter is served to the hub that started its process. */
export interface LaunchOptions extends Omit<ServeOptions, 'listen'> {
  /** Where the socket is to be. */
  readonly path: string;
  /** What the hub shows with every call; nobody else knows it. */
  readonly secret: string;
}

/** Serves an adapter to the hub that started this process, and to nobody else. It resolves when it listens. */
export async function serveToHub(source: AdapterSource, options: LaunchOptions): Promise<Pick<ServedAdapter, 'close'>> {
  const { path, secret } = options;
  const { load, createServer, closed } = createServices(source, options);
  const connection = await listenForHub({
    path,
    createServer: (onShown) => createServer([requireBearerToken(secret, onShown)]),
  });
  load();
  return { close: closed(() => connection.close()) };
}
