import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';
import { changeOf } from './mapping.ts';

/** __description__. It accepts every type of event; `accepts: ['ProcessUpdated']` would accept that one alone. */
export default webhookAdapter({ path: '/changes', body: changeOf });
