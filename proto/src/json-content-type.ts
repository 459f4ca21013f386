import { MIMEType } from 'node:util';

/** Whether a media type is JSON: `application/json`, `text/json` or anything that ends in `+json`; empty counts. */
export function isJsonContentType(contentType: string): boolean {
  if (contentType === '' || contentType === 'application/json') return true;
  try {
    const { essence } = new MIMEType(contentType);
    return essence === 'application/json' || essence === 'text/json' || essence.endsWith('+json');
  } catch {
    // A publisher may call its data by a name that is no media type at all.
    return false;
  }
}
