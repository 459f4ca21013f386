import type { HttpRoute } from '../door/messages.ts';

/** For probes: 200 while events are accepted, 503 otherwise. About the hub alone, never about its adapters. */
export function createHealthzRoute(notAcceptingReason: () => string): HttpRoute {
  return {
    path: '/healthz',
    methods: ['GET', 'HEAD'],
    needs: 'nothing',
    handle(_request, response) {
      const reason = notAcceptingReason();
      response.writeHead(reason === '' ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' });
      // Why is for those who may read health.
      response.end(reason === '' ? 'ok\n' : 'not accepting events\n');
    },
  };
}
