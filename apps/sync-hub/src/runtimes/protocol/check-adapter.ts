import { MESSAGE_MAX_CHARACTERS } from '@hms-sync/adapter-sdk/host';
import type { ConfigSecrets } from '../config-secrets.ts';
import type { CheckResult } from '../runtime.ts';
import { type AdapterClient, CallError } from './adapter-client.ts';

/** The SDK gives the adapter 10 s; a little more, so that its own words about it arrive. */
const CHECK_TIMEOUT_MS = 12_000;
/** As the protocol has it, for an adapter that does not keep to it. */
const RESULTS_MAX = 64;

/** Asks an adapter what it says of its external system. Never rejects: no answer is a result too. */
export async function checkAdapter(adapter: {
  readonly client: AdapterClient;
  readonly secrets: ConfigSecrets;
  /** It did not answer: resolves when it is known whether it ended. Absent: nobody would know. */
  readonly afterSilence?: () => Promise<unknown>;
}): Promise<readonly CheckResult[]> {
  const { client, secrets, afterSilence } = adapter;
  try {
    const results = await client.check(CHECK_TIMEOUT_MS);
    return results.slice(0, RESULTS_MAX).map(({ name, ok, message }) => ({
      name: secrets.takenOut(name),
      ok,
      message: secrets.takenOut(message, MESSAGE_MAX_CHARACTERS),
    }));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    await afterSilence?.();
    return [{ name: 'check', ok: false, message: secrets.takenOut(`the adapter did not answer: ${error.message}`) }];
  }
}
