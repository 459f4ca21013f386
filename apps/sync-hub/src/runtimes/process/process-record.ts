import { z } from 'zod';

/** What an adapter's process tells on file descriptor 3, a document a line. Adapter code can write there, too. */
const processRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('listening') }),
  z.object({
    kind: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({
    kind: z.literal('uncaught'),
    error: z.string().regex(/^[\w ]{1,64}$/),
    at: z.array(z.string().max(512)).max(8),
  }),
]);

export type ProcessRecord = z.infer<typeof processRecord>;

/** A line as a record; undefined for one that is none. */
export function parseProcessRecord(line: string): ProcessRecord | undefined {
  try {
    return processRecord.safeParse(JSON.parse(line)).data;
  } catch {
    // No JSON: not from the SDK.
    return undefined;
  }
}
