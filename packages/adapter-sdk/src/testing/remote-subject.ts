import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { AdapterService, type DescribeResponse } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { CheckFailure, must } from './check-failure.ts';
import { RemoteAdapter, type RemoteOptions } from './remote-adapter.ts';
import { RemoteDeliveries } from './remote-deliveries.ts';
import type { Subject, Target, TargetDescription } from './target.ts';

export type { RemoteOptions, RemoteTls } from './remote-adapter.ts';

/** The protocol versions of this kit. */
const PROTOCOLS = [1];

const { describe, configure, check, drain } = AdapterService.method;

/**
 * A running adapter that serves `hms.adapter.v1`, in any language. All checks use the same process; each calls Configure.
 *
 * @param address such as `127.0.0.1:7443` or `unix:/run/lab/adapter.sock`.
 */
export function remoteSubject(address: string, options: RemoteOptions = {}): Subject {
  return {
    name: address,
    describe: async () => {
      const adapter = new RemoteAdapter(address, options);
      try {
        return described(await adapter.call(describe, { hubVersion: '0.0.0-verify', protocols: PROTOCOLS }));
      } finally {
        adapter.close();
      }
    },
    open: async () => remoteTarget(new RemoteAdapter(address, options)),
    takeLog: () => undefined,
    inThisProcess: false,
    folder: undefined,
  };
}

function remoteTarget(adapter: RemoteAdapter): Target {
  let deliveries: RemoteDeliveries | undefined;
  return {
    configure: async (config) => {
      const { diagnostics } = await adapter.call(configure, { configJson: JSON.stringify(config ?? {}) });
      return diagnostics.map(({ path, message }) => ({ path, message }));
    },
    check: async () => {
      const { results } = await adapter.call(check, {});
      return results.map(({ name, ok, message }) => ({ name, ok, message }));
    },
    deliver: (attempt, signal) => {
      deliveries ??= new RemoteDeliveries(adapter.deliver());
      return deliveries.deliver(attempt, signal);
    },
    drain: async (timeoutMs) => (await adapter.call(drain, { timeout: durationFromMs(timeoutMs) })).unfinished,
    breaches: () => deliveries?.breaches ?? [],
    close: async () => {
      await deliveries?.close();
      adapter.close();
    },
  };
}

function described(response: DescribeResponse): TargetDescription {
  const { id, version, protocols, accepts, configSchemaJson, loadFailure } = response;
  must(loadFailure === '', `its code could not be loaded: ${loadFailure}`, 'fix this error');
  return { id, version, protocols, accepts, configSchema: parsed(configSchemaJson) };
}

function parsed(configSchemaJson: string): TargetDescription['configSchema'] {
  if (configSchemaJson === '') return undefined;
  try {
    return { ...JSON.parse(configSchemaJson) };
  } catch {
    throw new CheckFailure('Describe: config_schema_json is not JSON', {
      todo: 'return the JSON Schema as one document',
    });
  }
}
