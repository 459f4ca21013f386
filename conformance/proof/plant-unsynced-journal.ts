/**
 * Loaded before everything else (`node --import`), it plants a bug into the hub's journal as that is loaded:
 * synchronous=NORMAL, the default of well-known SQLite packages, with which a commit returns before it is on disk. The
 * source on disk stays as it is.
 */
import { registerHooks } from 'node:module';

const FILE = '/journal/sqlite/database.ts';
const FIND = "{ name: 'synchronous', value: 2 }";
const REPLACE = "{ name: 'synchronous', value: 1 }";

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(FILE)) return loaded;
    const source = String(loaded.source);
    if (source.split(FIND).length !== 2) throw new Error(`the place of the planted bug is not found once in ${url}`);
    return { ...loaded, source: source.replace(FIND, REPLACE) };
  },
});
