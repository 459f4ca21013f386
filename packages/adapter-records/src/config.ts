import { secret } from '@hms-sync/adapter-sdk';
import { z } from 'zod';

/** How to reach the records system. A field that is not listed here is refused by name. */
export const config = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'give the http or https address of the records system' })
    .describe(
      'Where it lives, such as `https://records.example/hms`: http or https; what it offers is found below this path',
    ),
  token: secret(z.string().min(1, 'give the token, or leave the field out'))
    .optional()
    .describe('Sent as bearer token; absent: none is sent'),
  signingSecret: secret(z.string().regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'give whsec_ followed by base64'))
    .optional()
    .describe('`whsec_…`: signs each request by Standard Webhooks; absent: requests are not signed'),
});
