/**
 * A fault that can be planted into the hub: a small change of a source as it is loaded. They prove the simulation: one
 * that does not catch them all is worth nothing. `find` stands in `file` exactly once, which is checked.
 */
export interface PlantedBug {
  readonly name: string;
  /** In the folder that the list says it is about. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
