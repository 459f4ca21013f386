import { isUtf8 } from 'node:buffer';
import { Webhook } from 'standardwebhooks';
import { InvalidEvent, Misconfigured } from '../adapter-error.ts';

/** Returns the three headers of Standard Webhooks for one message. */
export type Sign = (id: string, body: Buffer) => Readonly<Record<string, string>>;

/**
 * Creates a signer as Standard Webhooks specifies (https://www.standardwebhooks.com).
 *
 * @param secret `whsec_` and base64. The specification recommends 24 to 64 random bytes; any length is accepted.
 * @throws Misconfigured for any other text.
 */
export function signer(secret: string): Sign {
  if (!/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(secret)) {
    throw new Misconfigured('signingSecret must be whsec_ and base64, padded with =', { path: 'signingSecret' });
  }
  const webhook = new Webhook(secret);
  return (id, body) => {
    // The library signs text: it would sign other bytes than those that are sent.
    if (!isUtf8(body)) throw new InvalidEvent('a body that is not UTF-8 cannot be signed; send it as base64 in JSON');
    const now = new Date();
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': webhook.sign(id, now, body),
    };
  };
}
