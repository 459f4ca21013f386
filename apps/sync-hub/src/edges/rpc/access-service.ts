import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type AccessService,
  type Grants as GrantsMessage,
  GrantsSchema,
  Role as RoleMessage,
  type Token as TokenMessage,
  TokenSchema,
} from '@hms-sync/proto/hms/sync/v1/access_service';
import { wrongGrant } from '../../access/grant-rules.ts';
import type { Grants } from '../../access/grants.ts';
import type { Role } from '../../access/permissions.ts';
import { permissionsOfPrincipal } from '../../access/principal.ts';
import type { Token } from '../../access/token-store.ts';
import { LIFETIME_MS, OVERLAP_MS, type Tokens } from '../../access/tokens.ts';
import { invalidField, RequestError } from '../request-error.ts';
import type { OperatorChange } from './admin-deps.ts';
import { toReason } from './admin-reason.ts';
import { callerOf } from './caller.ts';

const ROLE_MESSAGES: Readonly<Record<Role, RoleMessage>> = {
  publisher: RoleMessage.PUBLISHER,
  viewer: RoleMessage.VIEWER,
  operator: RoleMessage.OPERATOR,
  'adapter-operator': RoleMessage.ADAPTER_OPERATOR,
  auditor: RoleMessage.AUDITOR,
  admin: RoleMessage.ADMIN,
};

export interface AccessDeps {
  readonly tokens: Tokens;
  /** Puts the configuration file as it is now into force; `reason`: why that is not possible. */
  readonly reload: () => Promise<
    | {
        readonly kind: 'reloaded';
        readonly changed: readonly string[];
        readonly needsRestart: readonly string[];
        readonly warnings: readonly string[];
      }
    | { readonly kind: 'rejected'; readonly reason: string }
  >;
  /** Called with each change, for the log. */
  readonly onChange: (change: OperatorChange) => void;
}

/** AccessService: who the caller is, and the hub's tokens. */
export function createAccessService({ tokens, reload, onChange }: AccessDeps): ServiceImpl<typeof AccessService> {
  return {
    whoAmI(_request, { values }) {
      const caller = callerOf(values);
      const { name, kind, role, grants, credential, expiresAtMs } = caller;
      return {
        ...{ name, kind, credential, grants: toGrantsMessage(grants) },
        role: role === undefined ? RoleMessage.UNSPECIFIED : ROLE_MESSAGES[role],
        ...(expiresAtMs !== undefined && { expireTime: timestampFromMs(expiresAtMs) }),
        permissions: [...permissionsOfPrincipal(caller)],
      };
    },

    async createToken(request, { values }) {
      const caller = callerOf(values);
      const { name, neverExpires } = request;
      const role = toRole(request.role);
      const grants = toGrants(role, name, request.grants);
      if (neverExpires && request.lifetime !== undefined) throw invalidField('lifetime', 'goes without never_expires');
      if (neverExpires && (role !== 'admin' || caller.kind !== 'socket')) {
        throw invalidField(
          'never_expires',
          "is for the role admin alone, and through the hub's socket, on its machine, alone",
        );
      }
      const lifetimeMs = neverExpires ? undefined : toMs(request.lifetime, LIFETIME_MS.usual);
      const { token, text } = await tokens.create({ name, role, grants, createdBy: caller.name, lifetimeMs });
      onChange({ change: 'create token', token: name, by: caller.name });
      return { token: toTokenMessage(token), text };
    },

    listTokens: () => ({ tokens: tokens.list().map(toTokenMessage) }),

    async rotateToken({ name, overlap, lifetime }, { values }) {
      const overlapMs = toMs(overlap, OVERLAP_MS.usual);
      const { token, text } = await tokens.rotate(name, { overlapMs, lifetimeMs: toMs(lifetime, LIFETIME_MS.usual) });
      onChange({ change: 'rotate token', token: name, by: callerOf(values).name });
      return { token: toTokenMessage(token), text };
    },

    async revokeToken(request, { values }) {
      const reason = toReason(request);
      const token = await tokens.revoke(request.name);
      onChange({ change: 'revoke token', token: request.name, reason, by: callerOf(values).name });
      return { token: toTokenMessage(token) };
    },

    async reload(_request, { values }) {
      onChange({ change: 'reload', by: callerOf(values).name });
      const result = await reload();
      if (result.kind === 'rejected') {
        throw new RequestError('CONFIG_INVALID', `${result.reason}. The former configuration stays in force`);
      }
      const { changed, needsRestart, warnings } = result;
      return { changed: [...changed], needsRestart: [...needsRestart], warnings: [...warnings] };
    },
  };
}

function toMs(duration: Duration | undefined, usual: number): number {
  return duration === undefined ? usual : durationMs(duration);
}

function toRole(message: RoleMessage): Role {
  const role = (Object.keys(ROLE_MESSAGES) as Role[]).find((name) => ROLE_MESSAGES[name] === message);
  if (role === undefined) throw invalidField('role', `must be one of ${Object.keys(ROLE_MESSAGES).join(', ')}`);
  return role;
}

const FIELDS: Readonly<Record<keyof Grants, string>> = {
  ...{ types: 'grants.types', sources: 'grants.sources', keys: 'grants.keys', adapters: 'grants.adapters' },
  ackDetails: 'grants.ack_details',
};
const VALUES_MAX = 64;

function toGrants(role: Role, name: string, message: GrantsMessage | undefined): Grants {
  const { types, sources, keys, adapters, ackDetails } = message ?? create(GrantsSchema);
  const given = Object.entries({ types, sources, keys, adapters }).filter(([, values]) => values.length > 0);
  for (const [field, values] of given) {
    if (values.length > VALUES_MAX) throw invalidField(`grants.${field}`, `must be at most ${VALUES_MAX}`);
  }
  const grants: Grants = { ...Object.fromEntries(given), ...(ackDetails && { ackDetails }) };
  const wrong = wrongGrant(role, grants);
  if (wrong !== undefined) throw invalidField(FIELDS[wrong.grant], wrong.message);
  // Its events are its own, whatever source they name, only if they can name no other.
  return role === 'publisher' && sources.length === 0 ? { ...grants, sources: [name] } : grants;
}

function toGrantsMessage({
  types = [],
  sources = [],
  keys = [],
  adapters = [],
  ackDetails = false,
}: Grants): MessageInitShape<typeof GrantsSchema> {
  return { types: [...types], sources: [...sources], keys: [...keys], adapters: [...adapters], ackDetails };
}

function toTokenMessage(token: Token): TokenMessage {
  const { id, name, role, grants, createdAtMs, createdBy, expiresAtMs, lastUseMs, revokedAtMs, overlapEndMs } = token;
  return create(TokenSchema, {
    ...{ id, name, createdBy, role: ROLE_MESSAGES[role], grants: toGrantsMessage(grants) },
    createTime: timestampFromMs(createdAtMs),
    ...(expiresAtMs !== undefined && { expireTime: timestampFromMs(expiresAtMs) }),
    ...(lastUseMs !== undefined && { lastUseTime: timestampFromMs(lastUseMs) }),
    ...(revokedAtMs !== undefined && { revokeTime: timestampFromMs(revokedAtMs) }),
    ...(overlapEndMs !== undefined && { overlapEndTime: timestampFromMs(overlapEndMs) }),
  });
}
