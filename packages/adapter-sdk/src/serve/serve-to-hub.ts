import { requireBearerToken } from './caller-checks.ts';
import { listenForHub } from './hub-connection.ts';
import type { AdapterSource } from './load-adapter.ts';
import type { ServedAdapter, ServeOptions } from './serve.ts';
import { createServices } from './services.ts';

/** Options of an adapter that is served to the hub that started its process. */
export interface LaunchOptions extends Omit<ServeOptions, 'listen'> {
  /** The path of the socket. */
  readonly path: string;
  /** The secret that the hub sends with every call. */
  readonly secret: string;
}

/** Serves an adapter only to the hub that started this process. Resolves when it listens. */
export async function serveToHub(source: AdapterSource, options: LaunchOptions): Promise<Pick<ServedAdapter, 'close'>> {
  const { path, secret } = options;
  const { load, createServer, closed } = createServices(source, options);
  const connection = await listenForHub({
    path,
    createServer: (onShown) => createServer([requireBearerToken([secret], onShown)]),
  });
  load();
  return { close: closed(() => connection.close()) };
}
