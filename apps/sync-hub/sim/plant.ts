/**
 * Loaded before everything else (`node --import`), it plants the bug that HMS_SIM_PLANT names by its number into the
 * hub as that is loaded. The sources on disk stay as they are.
 */
import { registerHooks } from 'node:module';
import { EVERY_PLANTED_BUG } from './planted/every-planted-bug.ts';

const bug = EVERY_PLANTED_BUG[Number(process.env.HMS_SIM_PLANT)];
if (bug === undefined) throw new Error(`HMS_SIM_PLANT=${process.env.HMS_SIM_PLANT} names no planted bug`);
const { href } = new URL(`../src/${bug.file}`, import.meta.url);
let isPlanted = false;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== href) return loaded;
    const source = String(loaded.source);
    if (source.split(bug.find).length !== 2) {
      throw new Error(`planted bug "${bug.name}": its place is not found exactly once in src/${bug.file}`);
    }
    isPlanted = true;
    return { ...loaded, source: source.replace(bug.find, () => bug.replace) };
  },
});

process.on('exit', () => {
  if (!isPlanted) process.exitCode = 3;
});
