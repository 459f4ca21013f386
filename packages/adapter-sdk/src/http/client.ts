import { type HttpPool, type OwnedPool, openPool, type PoolOptions, type PoolOwner } from './pool.ts';

/** Creates connection pools in `open`. */
export interface HttpClient {
  /**
   * Opens a pool for one external system; the first request connects.
   *
   * @param baseUrl http or https, optionally with a path prefix; without query and credentials.
   * @throws Misconfigured that names the wrong option.
   */
  pool(baseUrl: string, options?: PoolOptions): HttpPool;
}

/** An HTTP client and its pools. */
export interface OwnedHttpClient {
  readonly client: HttpClient;
  /** Closes every open pool and aborts its requests. */
  destroy(): Promise<void>;
}

/** Creates the client of one `open`. */
export function createHttpClient(owner: PoolOwner): OwnedHttpClient {
  const owned: OwnedPool[] = [];
  return {
    client: {
      pool: (baseUrl, options = {}) => {
        const opened = openPool(baseUrl, options, owner);
        owned.push(opened);
        return opened.pool;
      },
    },
    destroy: async () => {
      for (const { destroy } of owned) destroy();
    },
  };
}
