import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { ExitCode, Failure } from './failure.ts';
import { parseAddress } from './hub-address.ts';
import { isNear } from './near.ts';
import { printable } from './terminal.ts';

/** A hub that has a name, and how it is called. */
export interface Context {
  readonly name: string;
  readonly address: string;
  /** Absolute paths. */
  readonly tokenFile: string | undefined;
  readonly ca: string | undefined;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const FIELDS = ['address', 'tokenFile', 'ca'] as const;
const EXAMPLE = 'prod: { address: https://hub.clinic.example:7003, tokenFile: prod.token, ca: clinic-ca.pem }';

/** Where contexts are: one file of this user. */
export function contextsFile(): string {
  const { XDG_CONFIG_HOME: home } = process.env;
  return join(home ? resolve(home) : join(homedir(), '.config'), 'hms-sync', 'contexts.yaml');
}

/**
 * All contexts, in the order of the file; none without a file.
 *
 * @throws Failure for a file that is wrong, or that others can change: it says to whom tokens are sent
 */
export function readContexts(): readonly Context[] {
  const path = contextsFile();
  const text = readText(path);
  if (text === undefined) return [];
  const entries = readEntries(path, text);
  return Object.entries(entries).map(([name, fields]) => toContext(path, name, fields));
}

/** @throws Failure for a name that no context has, with the nearest ones */
export function findContext(name: string): Context {
  const contexts = readContexts();
  const found = contexts.find((context) => context.name === name);
  if (found !== undefined) return found;
  const names = contexts.map((context) => context.name);
  const near = names.filter((known) => isNear(name, known));
  const hint =
    names.length === 0
      ? `write one in ${contextsFile()}, such as ${EXAMPLE}`
      : near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `${contextsFile()} has ${names.join(', ')}`;
  throw new Failure(`there is no context "${printable(name)}"; ${hint}`, ExitCode.usage);
}

function readText(path: string): string | undefined {
  try {
    const { mode } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
      throw new Failure(`${path} can be changed by other users; run: chmod go-w ${path}`, ExitCode.usage);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Failure(`${path} cannot be read (${code})`, ExitCode.usage);
  }
}

function readEntries(path: string, text: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    // The first line says what and where; the others quote the file.
    const [what = ''] = (error as Error).message.split('\n');
    throw new Failure(`${path}: ${printable(what.replace(/:$/, ''))}`, ExitCode.usage);
  }
  if (content === null) return {};
  if (isObject(content)) return content;
  throw new Failure(`${path} does not hold contexts by their names; write one as ${EXAMPLE}`, ExitCode.usage);
}

function toContext(path: string, name: string, fields: unknown): Context {
  const wrong = (what: string) => new Failure(`${path}: ${printable(name)}${what}`, ExitCode.usage);
  if (!NAME.test(name)) throw wrong(' is not 1 to 63 letters, digits, ".", "-" and "_"');
  if (!isObject(fields)) throw wrong(` is not a context; write it as ${EXAMPLE}`);
  for (const field of Object.keys(fields)) {
    if (field === 'token') {
      throw wrong('.token: a secret does not belong here; put it into a file of mode 0600, and name that in tokenFile');
    }
    if (!FIELDS.some((known) => known === field)) {
      throw wrong(`.${printable(field)} is unknown; there are ${FIELDS.join(', ')}`);
    }
  }
  const { address, tokenFile, ca } = fields;
  if (typeof address !== 'string') throw wrong('.address is missing; write the URL of the hub');
  const pathOf = (field: string, value: unknown) => {
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') throw wrong(`.${field} is not the path of a file`);
    return resolve(dirname(path), value.replace(/^~(?=\/)/, homedir()));
  };
  try {
    return {
      name,
      address: parseAddress(address, dirname(path)),
      tokenFile: pathOf('tokenFile', tokenFile),
      ca: pathOf('ca', ca),
    };
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw wrong(`.address: ${error.message}`);
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
