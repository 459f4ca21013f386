import { isUtf8 } from 'node:buffer';
import { Webhook } from 'standardwebhooks';
import { InvalidEvent, Misconfigured } from '../adapter-error.ts';

/** Signs one message: the three headers of Standard Webhooks for a body sent under an id. */
export type Sign = (id: string, body: Buffer) => Readonly<Record<string, string>>;

/**
 * Makes a signer by the Standard Webhooks specification (https://www.standardwebhooks.com).
 *
 * @param secret `whsec_` and base64. The specification advises 24 to 64 random bytes; what the receiver has counts.
 * @throws Misconfigured when it is anything else.
 */
export function signer(secret: string): Sign {
  if (!/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(secret)) {
    throw new Misconfigured('signingSecret must be whsec_ and base64, padded with =', { path: 'signingSecret' });
  }
  const webhook = new Webhook(secret);
  return (id, body) => {
    // The signature is made over text: other bytes would be signed as something that the receiver never got.
    if (!isUtf8(body)) throw new InvalidEvent('a body that is not UTF-8 cannot be signed; send it as base64 in JSON');
    const now = new Date();
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': webhook.sign(id, now, body),
    };
  };
}
