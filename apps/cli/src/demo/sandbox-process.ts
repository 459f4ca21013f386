import { ExitCode, Failure } from '../failure.ts';
import { Child, type ChildOptions } from './child.ts';

/** The external systems that the sandbox stands in for, each with an adapter of the same name. */
export const SYSTEMS = ['scheduling', 'records', 'billing'] as const;
export type System = (typeof SYSTEMS)[number];

/** Where a running sandbox is. */
export interface SandboxAddresses {
  /** The URL where faults are set and calls are looked up. */
  control: string;
  /** The URL of each stand-in. */
  systems: Record<System, string>;
}

/** Starts the sandbox on free ports. */
export function launchSandbox(options: Pick<ChildOptions, 'main' | 'env' | 'onErrorLine'>): Child {
  return new Child({ ...options, name: 'sandbox', args: ['--json'], complaintIn });
}

/** Waits until the sandbox serves. */
export async function sandboxReady(sandbox: Child): Promise<SandboxAddresses> {
  const ready = await sandbox.ready();
  if (!hasAddresses(ready)) throw new Failure('the sandbox did not say where its systems are', ExitCode.failed);
  return ready;
}

/** The sandbox says why it ends as {"error":{"code":...,"message":...}}. */
function complaintIn(line: string): string | undefined {
  if (!line.startsWith('{"error":')) return undefined;
  const { error }: { error?: { message?: unknown } } = JSON.parse(line);
  return typeof error?.message === 'string' ? `the sandbox failed: ${error.message}` : undefined;
}

function hasAddresses(value: unknown): value is SandboxAddresses {
  if (typeof value !== 'object' || value === null || !('control' in value) || !('systems' in value)) return false;
  const { control, systems: addresses } = value;
  if (typeof control !== 'string' || typeof addresses !== 'object' || addresses === null) return false;
  const byName = new Map<string, unknown>(Object.entries(addresses));
  return SYSTEMS.every((system) => typeof byName.get(system) === 'string');
}
