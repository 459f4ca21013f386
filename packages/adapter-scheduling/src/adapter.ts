import { defineAdapter } from '@hms-sync/adapter-sdk';
import { config } from './config.ts';
import { syncRequest } from './mapping.ts';

/**
 * Tells the scheduling system what changed in HMS: appointments follow the process that they belong to.
 * It takes every type of event.
 */
export default defineAdapter({
  config,
  open: ({ config, http }) => http.pool(config.baseUrl, { token: config.token, signingSecret: config.signingSecret }),
  check: (pool, context) => pool.check(context),
  push: (event, context) => {
    const { path, body } = syncRequest(event);
    return context.resource.post(path, body, context);
  },
  close: (pool) => pool.close(),
});
