import { defineAdapter } from '@hms-sync/adapter-sdk';
import { config } from './config.ts';
import { changeRequest } from './mapping.ts';

/** __description__. It takes every type of event; `accepts: ['ProcessUpdated']` would take that one alone. */
export default defineAdapter({
  config,
  open: ({ config, http }) => http.pool(config.baseUrl, { token: config.token }),
  check: (pool, context) => pool.check(context),
  push: (event, context) => {
    const { path, body } = changeRequest(event);
    return context.resource.post(path, body, context);
  },
  close: (pool) => pool.close(),
});
