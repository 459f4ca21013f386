import type { AdapterLog, LogFields } from '../adapter-log.ts';
import type { DefinedAdapter } from '../definition.ts';
import { type AdapterHost, createAdapterHost } from '../host/host.ts';
import { type AdapterPackage, importDefinition } from './adapter-package.ts';
import type { Subject, Target } from './target.ts';

/** Which adapter it is, and where its package lies. */
export interface DefinitionPlace {
  readonly id: string;
  readonly version: string;
  readonly folder: string | undefined;
}

/** The protocol that a definition speaks through the host of this SDK. */
const PROTOCOLS = [1];

/** Far more than the check that reads them provokes; kept without bound they would be what grows. */
const RECORDS_MAX = 500;

/**
 * An adapter that runs in this process: every open is a host of its own.
 *
 * @param source its definition, or what imports it when it is needed.
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
 * @param definition Absent: what the manifest's entry exports, imported when it is needed.
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
    // The host makes exactly one outcome of whatever the adapter does; what it broke is in the outcome's code.
    breaches: () => [],
    close: host.close,
  };
}
