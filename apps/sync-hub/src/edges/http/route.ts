import type { connectNodeAdapter } from '@connectrpc/connect-node';

type NodeHandler = ReturnType<typeof connectNodeAdapter>;
/** A request of either HTTP version. */
export type NodeRequest = Parameters<NodeHandler>[0];
export type NodeResponse = Parameters<NodeHandler>[1];

/** A plain HTTP path beside the rpcs, the same over HTTP/1.1 and HTTP/2. */
export interface HttpRoute {
  readonly path: string;
  readonly methods: readonly string[];
  /** Answers the request; never throws, and rejects nothing unheard. */
  readonly handle: (request: NodeRequest, response: NodeResponse) => void;
}
