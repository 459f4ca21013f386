import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';

/** Posts each change in HMS to the records system: the record of a process follows its changes. */
export default webhookAdapter({ path: '/records-sync' });
