/**
 * What there is to be permitted, and which role has it. The one place: docs/security.md shows it, and a test compares
 * them. What narrows a role within a permission is in grants.ts.
 */

/** Roles that an operator gives; `anonymous` is the caller without a credential where the hub allows some. */
export const ROLES = ['publisher', 'viewer', 'operator', 'adapter-operator', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const PERMISSIONS = {
  /** Publish events of the granted sources, types and keys. */
  'events.publish': ['publisher', 'admin'],
  /** Read the status of an event, without its payload. */
  'events.read': ['publisher', 'viewer', 'operator', 'adapter-operator', 'admin'],
  /** Read the payload of an event. An administrator says why. */
  'events.read_payload': ['publisher', 'admin'],
  'acks.watch': ['publisher', 'viewer', 'operator', 'adapter-operator', 'admin'],
  /** Read whether the hub and its adapters are well. */
  'health.read': ['publisher', 'viewer', 'operator', 'adapter-operator', 'auditor', 'admin'],
  /** Read health with paths, packages and messages. */
  'health.details': ['viewer', 'operator', 'adapter-operator', 'admin'],
  /** List, count and tail deliveries, and look at replay jobs. */
  'deliveries.read': ['viewer', 'operator', 'adapter-operator', 'admin'],
  'deliveries.replay': ['operator', 'adapter-operator', 'admin'],
  'deliveries.discard': ['operator', 'admin'],
  /** Pause, resume, probe, retry and restart adapters. */
  'adapters.control': ['operator', 'adapter-operator', 'admin'],
  /** Replace the version of an adapter, and roll back. */
  'adapters.upgrade': ['adapter-operator', 'admin'],
  /** Add and remove adapters. */
  'adapters.install': ['adapter-operator', 'admin'],
  'journal.backup': ['admin'],
  /** Create, list, rotate and revoke tokens. */
  'access.manage': ['admin'],
  'audit.read': ['auditor', 'admin'],
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof PERMISSIONS;

/** What a caller without a credential may do at a hub that `hms-sync dev` started. */
export const ANONYMOUS_PERMISSIONS: readonly Permission[] = ['events.publish', 'acks.watch', 'health.read'];

/** The permissions of a role, sorted. */
export function permissionsOf(role: Role): readonly Permission[] {
  return (Object.keys(PERMISSIONS) as Permission[]).filter((name) => isIn(PERMISSIONS[name], role)).sort();
}

/** Roles by permission are tuples of their own, and `includes` takes only what is in them. */
function isIn(roles: readonly Role[], role: Role): boolean {
  return roles.includes(role);
}
