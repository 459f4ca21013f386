import { type HttpPool, type OwnedPool, openPool, type PoolOptions, type PoolOwner } from './pool.ts';

/** Makes connection pools for `open`. */
export interface HttpClient {
  /**
   * Opens a pool to one external system; connections come about with the first request.
   *
   * @param baseUrl http or https, with a path before all paths if need be; no query and no credentials.
   * @throws Misconfigured that names the option that is wrong.
   */
  pool(baseUrl: string, options?: PoolOptions): HttpPool;
}

/** An HTTP client that knows its pools. */
export interface OwnedHttpClient {
  readonly client: HttpClient;
  /** Ends every pool that is still open, breaking its requests off. */
  destroy(): Promise<void>;
}

/** Makes the client of one `open`. */
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
