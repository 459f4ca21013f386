import { fileURLToPath } from 'node:url';
import type { ClusterDatabase } from './cluster-database.ts';

/** What keeps two hubs from one key. Each can be taken out, to see that the proof would notice. */
export interface Guard {
  readonly what: string;
  /** Of hubs that are to run without it. */
  readonly env: Readonly<Record<string, string>>;
  /** Once the journal is there. */
  readonly takeOut?: (database: ClusterDatabase) => Promise<void>;
}

const hooks = fileURLToPath(new URL('./without-guard.ts', import.meta.url));

export const GUARDS: Readonly<Record<string, Guard>> = {
  deadline: { what: 'a hub stops beginning attempts while its beat is not answered', env: without('deadline') },
  patience: { what: 'the others wait longer than a hub trusts itself', env: without('patience') },
  fence: {
    what: 'outcomes of a hub that does not own the lane are refused',
    env: {},
    takeOut: (database) =>
      database.change('record_outcomes', [
        ['WHERE owner = me AND number', 'WHERE number'],
        [' AND o.owner = me AND o.epoch = t.epoch', ''],
        [' AND o.epoch = t.epoch', ''],
        [' AND owner = me AND epoch = epochs[i]', ''],
      ]),
  },
};

function without(guard: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${hooks}`, HMS_PROOF_WITHOUT: guard };
}
