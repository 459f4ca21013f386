import { ExitCode, Failure } from '../failure.ts';
import { Child, type ChildOptions } from './child.ts';

/** The systems that the sandbox simulates, each with an adapter of the same name. */
export const SYSTEMS = ['scheduling', 'records', 'billing'] as const;
export type System = (typeof SYSTEMS)[number];

/** The addresses of a running sandbox. */
export interface SandboxAddresses {
  /** The URL of the control port. */
  control: string;
  /** The URL of each stand-in. */
  systems: Record<System, string>;
}

/** Starts the sandbox on free ports. */
export function launchSandbox(options: Pick<ChildOptions, 'main' | 'env' | 'onErrorLine'>): Child {
  return new Child({ ...options, name: 'sandbox', args: ['--json'], complaintIn });
}

/** Waits until the sandbox is ready, and returns its addresses. */
export async function sandboxReady(sandbox: Child): Promise<SandboxAddresses> {
  const ready = await sandbox.ready();
  if (!hasAddresses(ready)) throw new Failure('the sandbox did not print its addresses', ExitCode.failed);
  return ready;
}

/** The sandbox prints the error that ends it as {"error":{"code":...,"message":...}}. */
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
