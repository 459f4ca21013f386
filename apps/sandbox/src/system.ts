/** The external systems that the sandbox simulates, in the order of all lists. */
export const SYSTEM_NAMES = ['scheduling', 'records', 'billing'] as const;

export type SystemName = (typeof SYSTEM_NAMES)[number];

/** How stand-ins differ: the path for changes, and the prefix of receipts. */
export interface System {
  readonly path: string;
  readonly receiptPrefix: string;
}

export const SYSTEMS: Readonly<Record<SystemName, System>> = {
  scheduling: { path: '/api/hms-update', receiptPrefix: 'sched' },
  records: { path: '/records-sync', receiptPrefix: 'rec' },
  billing: { path: '/billing-sync', receiptPrefix: 'bill' },
};

export function isSystemName(name: string): name is SystemName {
  return Object.hasOwn(SYSTEMS, name);
}

/** One value for each system, made by `make` in the order of `SYSTEM_NAMES`. */
export function eachSystem<T>(make: (system: SystemName) => T): Record<SystemName, T> {
  return {
    scheduling: make('scheduling'),
    records: make('records'),
    billing: make('billing'),
  };
}
