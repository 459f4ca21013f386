import type { Principal } from '../access/principal.ts';

/** Why there is no record. The message says what is wrong with the disk, and holds nothing of the record. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
}

/** What one record of the audit log says; the log adds `seq`, `time`, `hub`, `prev` and `mac`. docs/audit.md has each field. */
export type AuditEntry =
  | RequestEntry
  | OutcomeEntry
  | {
      readonly event: 'credentials';
      readonly address: string;
      /** When the first of them came. */
      readonly since: string;
      /** How many were refused, by reason. */
      readonly refused: Readonly<Record<string, number>>;
    }
  | { readonly event: 'start' | 'stop'; readonly target?: AuditTarget; readonly reason?: string }
  | { readonly event: 'damage'; readonly problems: readonly string[] }
  | { readonly event: 'torn'; readonly file: string; readonly bytes: number }
  | { readonly event: 'deleted'; readonly file: string; readonly through: number; readonly hash: string }
  | { readonly event: 'checkpoint'; readonly signature?: string };

/** Who asks for what; shared by the decision and its outcome. */
interface CallFacts {
  readonly principal: AuditPrincipal;
  readonly address: string;
  readonly rpc: string;
}

/** A change that was asked for: on disk before it is made, or refused. */
export interface RequestEntry extends CallFacts {
  readonly event: 'request';
  readonly decision: 'allowed' | 'refused';
  /** Why it was refused. */
  readonly why?: string;
  readonly permission: string;
  readonly target?: AuditTarget;
  /** Of the operator. */
  readonly reason?: string;
  readonly request_id?: string;
  readonly traceparent?: string;
}

export interface OutcomeEntry extends CallFacts {
  readonly event: 'outcome';
  /** The `seq` of the decision. */
  readonly of: number;
  /** OK, or a reason of docs/errors.md. */
  readonly code: string;
  readonly result?: AuditTarget;
}

/** What a change is about, or what came of it: names, numbers and hashes. */
export type AuditTarget = Readonly<Record<string, unknown>>;

export interface AuditPrincipal {
  readonly kind: string;
  readonly name: string;
  readonly role?: string;
  readonly credential?: string;
}

export function toAuditPrincipal({ kind, name, role, credential }: Principal): AuditPrincipal {
  return {
    ...{ kind, name: auditText(name) },
    ...(role !== undefined && { role }),
    ...(credential !== '' && { credential: auditText(credential) }),
  };
}

const TEXT_MAX = 256;

/** What is known to be a secret, wherever somebody pasted it: tokens, JWTs, authorization headers, passwords in URLs. */
const SECRETS: readonly (readonly [secret: RegExp, shown: string])[] = [
  [/hms_([0-9A-Za-z]{8})_[0-9A-Za-z]+/g, 'hms_$1_***'],
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, 'eyJ***'],
  [/\b(bearer|basic) +[\w.~+/=-]{16,}/gi, '$1 ***'],
  [/:\/\/[^/\s@]*@/g, '://***@'],
];

/** A text of a request as a record has it: without a secret, and bounded. */
export function auditText(text: string): string {
  const clean = SECRETS.reduce((rest, [secret, shown]) => rest.replace(secret, shown), text.slice(0, 2 * TEXT_MAX));
  return clean.slice(0, TEXT_MAX).toWellFormed();
}
