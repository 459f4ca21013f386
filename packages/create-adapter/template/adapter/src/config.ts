import { secret } from '@hms-sync/adapter-sdk';
import { z } from 'zod';

/** How to reach the system. A field that is not listed here is refused by name. */
export const config = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'give the http or https address of the system' })
    .describe('Where it lives, such as `https://__id__.example/hms`; what it offers is found below this path'),
  token: secret(z.string().min(1, 'give the token, or leave the field out'))
    .optional()
    .describe('Sent as bearer token; absent: none is sent'),
});
