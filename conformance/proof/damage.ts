import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a journal, of which each kind of damage is done to a copy. */
export const DATABASE = 'journal.db';
export const LOG = 'journal.db-wal';
/** Says how far the journal had come. */
export const MARK = 'journal.db-end';

const PAGE_BYTES = 4_096;
/** A WAL begins with a header, and each of its pages with one: https://sqlite.org/fileformat2.html#walformat. */
const LOG_HEADER_BYTES = 32;
const FRAME_BYTES = PAGE_BYTES + 24;

export interface DamageScene {
  /** With the journal's files, which are changed. */
  readonly folder: string;
  /** With the files of another hub's journal. */
  readonly foreignFolder: string;
  /** With the files of the same journal as they were earlier. */
  readonly earlierFolder: string;
  /** A random whole number from 0 to below the limit. */
  readonly random: (limit: number) => number;
}

export interface Damage {
  readonly what: string;
  /** Of 200. */
  readonly share: number;
  /** Names the position. */
  readonly inflict: (scene: DamageScene) => string;
}

export const DAMAGES: readonly Damage[] = [
  { what: 'a flipped bit in the database', share: 52, inflict: (scene) => flipBit(scene, DATABASE) },
  { what: 'a flipped bit in the log', share: 50, inflict: (scene) => flipBit(scene, LOG) },
  { what: 'the database cut short', share: 14, inflict: (scene) => cut(scene, DATABASE) },
  { what: 'the log cut short', share: 24, inflict: (scene) => cut(scene, LOG) },
  { what: 'a page of zeros in the database', share: 16, inflict: (scene) => zeroPage(scene, databasePages(scene)) },
  { what: 'a page of zeros in the log', share: 16, inflict: (scene) => zeroPage(scene, logPages(scene)) },
  { what: 'two pages of the database swapped', share: 16, inflict: swapPages },
  { what: 'a flipped bit in the mark', share: 4, inflict: (scene) => flipBit(scene, MARK) },
  { what: 'the log deleted', share: 2, inflict: deleteLog },
  {
    what: 'the log of another journal',
    share: 3,
    inflict: ({ folder, foreignFolder }) => put(foreignFolder, folder, LOG),
  },
  {
    what: 'an earlier log of the same journal',
    share: 3,
    inflict: ({ folder, earlierFolder }) => put(earlierFolder, folder, LOG),
  },
];

function deleteLog({ folder }: DamageScene): string {
  rmSync(join(folder, LOG));
  return LOG;
}

function flipBit({ folder, random }: DamageScene, file: string): string {
  return change(folder, file, (bytes) => {
    const place = random(bytes.byteLength);
    const bit = random(8);
    bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place);
    return `bit ${bit} of byte ${place} of ${file}`;
  });
}

function cut({ folder, random }: DamageScene, file: string): string {
  const bytes = readFileSync(join(folder, file));
  const sizeBytes = random(bytes.byteLength);
  writeFileSync(join(folder, file), bytes.subarray(0, sizeBytes));
  return `${file} at ${sizeBytes} of ${bytes.byteLength} bytes`;
}

interface Pages {
  readonly file: string;
  readonly count: number;
  readonly offset: (page: number) => number;
}

function databasePages({ folder }: DamageScene): Pages {
  const count = Math.floor(readFileSync(join(folder, DATABASE)).byteLength / PAGE_BYTES);
  return { file: DATABASE, count, offset: (page) => page * PAGE_BYTES };
}

function logPages({ folder }: DamageScene): Pages {
  const count = Math.floor((readFileSync(join(folder, LOG)).byteLength - LOG_HEADER_BYTES) / FRAME_BYTES);
  return { file: LOG, count, offset: (page) => LOG_HEADER_BYTES + (page + 1) * FRAME_BYTES - PAGE_BYTES };
}

function zeroPage({ folder, random }: DamageScene, { file, count, offset }: Pages): string {
  return change(folder, file, (bytes) => {
    const page = random(count);
    bytes.fill(0, offset(page), offset(page) + PAGE_BYTES);
    return `page ${page} of ${count} of ${file}`;
  });
}

function swapPages(scene: DamageScene): string {
  const { count, offset } = databasePages(scene);
  return change(scene.folder, DATABASE, (bytes) => {
    const one = scene.random(count);
    const other = (one + 1 + scene.random(count - 1)) % count;
    const kept = Buffer.from(bytes.subarray(offset(one), offset(one) + PAGE_BYTES));
    bytes.copy(bytes, offset(one), offset(other), offset(other) + PAGE_BYTES);
    kept.copy(bytes, offset(other));
    return `pages ${one} and ${other} of ${count} of ${DATABASE}`;
  });
}

function put(from: string, folder: string, file: string): string {
  copyFileSync(join(from, file), join(folder, file));
  return file;
}

function change(folder: string, file: string, edit: (bytes: Buffer) => string): string {
  const bytes = readFileSync(join(folder, file));
  const place = edit(bytes);
  writeFileSync(join(folder, file), bytes);
  return place;
}
