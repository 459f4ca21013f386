import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ExitCode, Failure } from './failure.ts';

/** The file URL of the hub's program, which runs as a process. */
export function hubProgram(): string {
  return installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/main'));
}

/**
 * Node's flags for the hub. By default V8 uses up to 134 MB for new objects in a burst, and lets the heap grow to four times
 * of what is in use; these flags halve both. Smaller values (16 MB, 50 %) cost 25% more CPU with 1,024 events in flight.
 */
export function hubNodeFlags(): readonly string[] {
  const file = installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/node-flags'));
  return JSON.parse(readFileSync(fileURLToPath(file), 'utf8'));
}

/** The file URL of the program that verifies a journal. */
export function verifyProgram(): string {
  return installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/verify'));
}

/** The file URL of the program that copies a journal. */
export function copyProgram(): string {
  return installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/copy'));
}

/** The file URL of the program that reports what a hub would load. */
export function checkAdaptersProgram(): string {
  return installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/check-adapters'));
}

/** The file URL of the program that verifies an audit log without its hub, which replaces the command. */
export function checkAuditProgram(): string {
  return installed('@hms-sync/sync-hub', () => import.meta.resolve('@hms-sync/sync-hub/check-audit'));
}

/** The file URL of the sandbox's program, which runs as a process. */
export function sandboxProgram(): string {
  return installed('@hms-sync/sandbox', () => import.meta.resolve('@hms-sync/sandbox/main'));
}

function installed(packageName: string, resolve: () => string): string {
  try {
    return resolve();
  } catch (error) {
    throw new Failure(`the package ${packageName} is missing: install @hms-sync/cli again`, ExitCode.failed, {
      cause: error,
    });
  }
}
