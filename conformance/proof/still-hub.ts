import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';

/** The adapters that take every event at once. */
export const QUICK = ['quick-a', 'quick-b'];
/** The one that all stories here are about. */
export const THIRD = 'third';

/** A hub with three adapters that speak to no system, so that what is measured is the hub. */
export interface StillHub {
  readonly hub: Hub;
  /** Ends it as a power cut does and starts it again on its data; resolves once it is ready, with how long that took. */
  restart(): Promise<number>;
  remove(): Promise<void>;
}

/** @param thirdHangs the third adapter takes what it is given and never answers */
export async function startStillHub({ thirdHangs = false } = {}): Promise<StillHub> {
  const adapters = [...QUICK, THIRD].map((id) => ({
    package: 'adapter-still',
    id,
    config: { hang: id === THIRD && thirdHangs },
  }));
  const folder = await HubFolder.create({ config: { adapters, logLevel: 'error' } });
  await folder.install('adapter-still');
  let hub = await folder.start();
  return {
    get hub() {
      return hub;
    },
    async restart() {
      await hub.kill();
      const startedAtMs = performance.now();
      hub = await folder.start();
      return performance.now() - startedAtMs;
    },
    remove: () => folder.remove(),
  };
}
