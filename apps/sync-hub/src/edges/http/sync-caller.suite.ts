import { onTestFinished } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { type Answered, type HttpVersion, type Posted, post } from './http-client.suite.ts';
import { delivered, startTestHub, type TestHub, type TestHubOptions } from './test-hub.suite.ts';

export const json = { 'content-type': 'application/json' };

/** An adapter that takes everything. */
export const ok = (): Outcome => delivered('{"taken":true}');

/** A hub, and whoever posts to its /sync over one version of HTTP. */
export interface SyncCaller {
  readonly hub: TestHub;
  /** Posts this as JSON; `more` may say otherwise. */
  postJson(body: unknown, more?: Partial<Posted>): Promise<Answered>;
  /** The data of the first event that was accepted. */
  readonly acceptedData: string;
}

/** Starts a hub for the running test; both of its adapters take everything unless told otherwise. */
export async function startSyncCaller(
  version: HttpVersion,
  options: Partial<TestHubOptions> = {},
): Promise<SyncCaller> {
  const hub = await startTestHub({ adapters: { billing: ok, records: ok }, ...options });
  onTestFinished(() => hub.close());
  return {
    hub,
    postJson: (body, more) => post({ version, port: hub.port, headers: json, body: JSON.stringify(body), ...more }),
    get acceptedData() {
      return new TextDecoder().decode(hub.events[0]?.data);
    },
  };
}
