import { webhookAdapter } from '@hms-sync/adapter-sdk/webhook';

/** Posts each change in HMS to the billing system: invoices follow the policy and the process that they are for. */
export default webhookAdapter({ path: '/billing-sync' });
