import type { AdapterLog, LogFields } from '../adapter-log.ts';
import type { DefinedAdapter } from '../definition.ts';
import { type AdapterHost, createAdapterHost } from '../host/host.ts';
import { type AdapterPackage, importDefinition } from './adapter-package.ts';
import type { Subject, Target } from './target.ts';

/** The identity of an adapter, and the folder of its package. */
export interface DefinitionPlace {
  readonly id: string;
  readonly version: string;
  readonly folder: string | undefined;
}

/** The protocol versions of this SDK's host. */
const PROTOCOLS = [1];

/** Bounded, because the heap check would count them. */
const RECORDS_MAX = 500;

/**
 * An adapter that runs in this process, with one host per `open`.
 *
 * @param source its definition, or a function that imports it on demand.
 */
export function definitionSubject(
  source: DefinedAdapter | (() => Promise<DefinedAdapter>),
  { id, version, folder }: DefinitionPlace,
): Subject {
  let records: string[] = [];
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    if (records.length === RECORDS_MAX) records = [];
    records.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const log = { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
  const openHost = async () => {
    const definition = typeof source === 'function' ? await source() : source;
    return createAdapterHost(definition, { adapter: { id, version }, log });
  };
  return {
    name: `${id} ${version}`,
    describe: async () => {
      const { accepts, configSchema } = (await openHost()).description;
      return { id, version, protocols: PROTOCOLS, accepts: accepts ?? [], configSchema };
    },
    open: async () => definitionTarget(await openHost()),
    takeLog: () => {
      const taken = records;
      records = [];
      return taken;
    },
    inThisProcess: true,
    folder,
  };
}

/**
 * The adapter of a package on disk, in this process.
 *
 * @param definition Absent: the export of the manifest's entry, imported on demand.
 */
export function packageSubject(found: AdapterPackage, definition?: DefinedAdapter): Subject {
  const { folder, packageJson, manifest } = found;
  let importing: Promise<DefinedAdapter> | undefined;
  const source = () => {
    importing ??= importDefinition(found);
    return importing;
  };
  const place = { id: String(manifest.id ?? packageJson.name), version: String(packageJson.version), folder };
  return definitionSubject(definition ?? source, place);
}

function definitionTarget(host: AdapterHost): Target {
  let running = 0;
  return {
    configure: host.configure,
    check: host.check,
    deliver: async (attempt, signal) => {
      running += 1;
      try {
        return await host.deliver(attempt, signal);
      } finally {
        running -= 1;
      }
    },
    drain: async () => {
      await host.close();
      return running;
    },
    // The host returns exactly one outcome; a breach is in its code.
    breaches: () => [],
    close: host.close,
  };
}
