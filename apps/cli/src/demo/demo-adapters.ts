import { randomUUID } from 'node:crypto';
import type { ConfiguredAdapter } from './hub-config.ts';
import { SYSTEMS, type System } from './sandbox-process.ts';

/** The three adapters, each configured with the address of its stand-in. */
export function demoAdapters(addresses: Record<System, string>): ConfiguredAdapter[] {
  return SYSTEMS.map((system) => ({
    package: `@hms-sync/adapter-${system}`,
    // The token is read from the environment.
    config: { baseUrl: addresses[system], token: `\${${tokenVariable(system)}}` },
  }));
}

/**
 * Creates a bearer token for each stand-in.
 *
 * @returns the environments of the hub and of the sandbox. The tokens replace real ones in the shell's environment, which
 * must not be sent to a stand-in.
 */
export function demoCredentials(): { hub: NodeJS.ProcessEnv; sandbox: NodeJS.ProcessEnv } {
  const tokens = SYSTEMS.map((system) => [tokenVariable(system), randomUUID()] as const);
  return {
    hub: { ...process.env, ...Object.fromEntries(tokens) },
    sandbox: { ...process.env, ...Object.fromEntries(tokens.map(([name, token]) => [`SANDBOX_${name}`, token])) },
  };
}

function tokenVariable(system: System): string {
  return `${system.toUpperCase()}_TOKEN`;
}
