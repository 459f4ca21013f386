import { MIMEType } from 'node:util';

/** A media type such as `application/json; charset=utf-8`, taken apart. */
export interface MediaType {
  /** Type and subtype, in lower case. */
  readonly essence: string;
  /** In lower case; undefined when it says none. */
  readonly charset: string | undefined;
}

/** Undefined for what is no media type. */
export function parseMediaType(text: string): MediaType | undefined {
  try {
    const { essence, params } = new MIMEType(text);
    return { essence, charset: params.get('charset')?.toLowerCase() };
  } catch {
    return undefined;
  }
}
