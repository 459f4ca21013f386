/**
 * Loaded before everything else (`node --import`), it plants a bug into the hub's journal: synchronous=NORMAL, the
 * default of well-known SQLite packages, with which a commit returns before it is on disk. It is set again behind the
 * last setting of the hub, which reads back each right after it made it.
 */
import { DatabaseSync } from 'node:sqlite';

const LAST_SETTING = /^PRAGMA secure_delete/;

const { exec } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function execUnsynced(sql: string): void {
  exec.call(this, sql);
  if (LAST_SETTING.test(sql)) exec.call(this, 'PRAGMA synchronous = 1');
};
