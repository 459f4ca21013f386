/** A live hub, as far as it matters for how many lanes it gets. */
export interface HubLoad {
  readonly id: string;
  /** The adapters that it can run. */
  readonly canRun: ReadonlySet<string>;
  /** The lanes that it owns. */
  readonly lanes: number;
}

/** A hub gives a lane back to a hub with this many fewer. With a difference of 1 the lane would go back and forth. */
const GIVE_BACK_DIFFERENCE = 2;

/**
 * Which hub claims which of these lanes: each goes to the hub that can run it and has the fewest, then to the one whose
 * id is first. Hubs that see the same rows come to the same result, so they do not compete.
 *
 * @returns the hub of each adapter; an adapter that no hub can run is left out
 */
export function assignLanes(adapters: readonly string[], hubs: readonly HubLoad[]): ReadonlyMap<string, string> {
  const loads = hubs.map((hub) => ({ ...hub }));
  const assigned = new Map<string, string>();
  for (const adapter of adapters.toSorted()) {
    const able = loads.filter(({ canRun }) => canRun.has(adapter));
    const [hub] = able.sort((left, right) => left.lanes - right.lanes || (left.id < right.id ? -1 : 1));
    if (hub === undefined) continue;
    hub.lanes += 1;
    assigned.set(adapter, hub.id);
  }
  return assigned;
}

/**
 * The lane that an owner hands to another hub so that each has about as many.
 *
 * @param own the adapters whose lanes it owns
 * @param others the other live hubs
 * @returns undefined: it keeps them all
 */
export function laneToGiveBack(own: readonly string[], others: readonly HubLoad[]): string | undefined {
  const fewer = others.filter(({ lanes }) => lanes + GIVE_BACK_DIFFERENCE <= own.length);
  return own.toSorted().find((adapter) => fewer.some(({ canRun }) => canRun.has(adapter)));
}
