import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import type { AuditPlace } from '../../audit/audit-list.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import { faultText } from '../../audit/verify-audit.ts';
import { invalidField } from '../request-error.ts';

const PAGE_SIZE = { usual: 100, most: 1_000 };
const PRINCIPALS_MAX = 1_000;
const CHECKPOINT_MAX_CHARACTERS = 256;

/** AuditService: the records of the audit log, and whether they are whole. */
export function createAuditService(log: Pick<AuditLog, 'list' | 'verify'>): ServiceImpl<typeof AuditService> {
  return {
    async listAudit({ since, until, principals, pageSize, pageToken }) {
      if (pageSize > PAGE_SIZE.most) throw invalidField('page_size', `must be at most ${PAGE_SIZE.most}`);
      if (principals.length > PRINCIPALS_MAX) throw invalidField('principals', `must be at most ${PRINCIPALS_MAX}`);
      const { lines, next } = await log.list({
        sinceMs: since && timestampMs(since),
        untilMs: until && timestampMs(until),
        principals,
        limit: pageSize || PAGE_SIZE.usual,
        after: pageToken === '' ? undefined : toPlace(pageToken),
      });
      return { records: [...lines], nextPageToken: next === undefined ? '' : toPageToken(next) };
    },

    async verifyAudit({ checkpoint }) {
      if (checkpoint.length > CHECKPOINT_MAX_CHARACTERS) {
        throw invalidField('checkpoint', "must be a checkpoint as the hub's log has it: <seq>:<hash>:<signature>");
      }
      const { records, fault, end } = await log.verify(checkpoint);
      const last = { records: BigInt(records), lastSeq: BigInt(end.seq), lastHash: end.hash };
      return { ...last, fault: fault === undefined ? '' : faultText(fault) };
    },
  };
}

function toPageToken({ day, offset }: AuditPlace): string {
  return Buffer.from(`${day} ${offset}`).toString('base64url');
}

/** @throws {RequestError} REQUEST_INVALID naming page_token */
function toPlace(token: string): AuditPlace {
  const text = Buffer.from(token, 'base64url').toString();
  const [, day, offset] = /^(\d{4}-\d{2}-\d{2}) (\d{1,15})$/.exec(text) ?? [];
  if (day === undefined) throw invalidField('page_token', 'was not made by this hub; begin again without one');
  return { day, offset: Number(offset) };
}
