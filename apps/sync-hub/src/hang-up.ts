import type { AuditLog } from './audit/audit-log.ts';
import type { AuditTarget } from './audit/audit-record.ts';
import type { ConfigReload } from './config/config-reload.ts';
import type { Log } from './telemetry/log.ts';

interface HangUpOptions {
  readonly reload: Pick<ConfigReload, 'run'>;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly log: Pick<Log, 'info' | 'error'>;
}

/** Whoever sends the signal is the hub's own user, or root; which process it was is not known. */
const FACTS = {
  principal: { kind: 'signal', name: 'SIGHUP', role: 'admin' },
  ...{ address: 'signal', rpc: 'hms.sync.v1.AccessService/Reload' },
} as const;

/** What SIGHUP does: the same as AccessService.Reload, with the same records in the audit log. Never rejects. */
export async function reloadByHangUp({ reload, audit, log }: HangUpOptions): Promise<void> {
  log.info('SIGHUP: the configuration file is read again');
  try {
    const decision = { event: 'request', decision: 'allowed', permission: 'access.manage' } as const;
    const of = await audit.record({ ...decision, ...FACTS });
    const ended = (code: string, result: AuditTarget = {}) =>
      audit.record({ event: 'outcome', of, ...FACTS, code, result }).catch(() => undefined);
    const result = await reload.run().catch(async (error: unknown) => {
      await ended('HUB_FAILED');
      throw error;
    });
    if (result.kind === 'rejected') await ended('CONFIG_INVALID');
    else await ended('OK', { changed: result.changed, needs_restart: result.needsRestart });
  } catch (error) {
    log.error({ err: error }, 'SIGHUP: the configuration file was not read again');
  }
}
