import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';

/** Posts each change in HMS to the scheduling system: appointments follow the process that they belong to. */
export default webhookAdapter({ path: '/api/hms-update' });
