import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';
import { changeOf } from './mapping.ts';

/** __description__. It accepts every type of event; with `accepts: ['ProcessUpdated']`, only that one. */
export default webhookAdapter({ path: '/changes', body: changeOf });
