import { secret } from '@hms-sync/adapter-sdk';
import { z } from 'zod';

/** How to reach the billing system. A field that is not listed here is refused by name. */
export const config = z.strictObject({
  /** Where it lives, such as `https://billing.example/hms`: http or https; what it offers is found below this path. */
  baseUrl: z.url({ protocol: /^https?$/, error: 'give the http or https address of the billing system' }),
  /** Sent as bearer token. Absent: none is sent. */
  token: secret(z.string().min(1, 'give the token, or leave the field out')).optional(),
  /** Signs each request by Standard Webhooks. Absent: requests are not signed. */
  signingSecret: secret(z.string().regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'give whsec_ followed by base64')).optional(),
});
