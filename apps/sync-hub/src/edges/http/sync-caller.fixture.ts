import { onTestFinished } from 'vitest';
import { OPEN_PRINCIPAL } from '../../access/principal.ts';
import type { Outcome } from '../../core/outcome.ts';
import { listen } from '../door/listener.ts';
import { HubStop } from '../hub-stop.ts';
import { openTestHub, type TestHub, type TestHubOptions } from '../publishing/hub.fixture.ts';
import { type Answered, type HttpVersion, type Posted, post } from './http-client.fixture.ts';
import type { ReadBodyBounds } from './read-body.ts';
import { createSyncRoute } from './sync-route.ts';

export const json = { 'content-type': 'application/json' };

/** An adapter that accepts everything. */
export const ok = (): Outcome => ({ kind: 'delivered', receipt: '{"taken":true}' });

/** A hub, and whoever posts to its /sync over one version of HTTP. */
export interface SyncCaller {
  readonly hub: TestHub;
  readonly port: number;
  /** Posts this as JSON; `more` may say otherwise. */
  postJson(body: unknown, more?: Partial<Posted>): Promise<Answered>;
  /** The data of the first event that was accepted. */
  readonly acceptedData: string;
}

export interface SyncCallerOptions extends TestHubOptions {
  readonly bodyBounds?: ReadBodyBounds;
}

/** Starts a hub for the running test; both of its adapters accept everything by default. */
export async function startSyncCaller(
  version: HttpVersion,
  { bodyBounds, ...options }: SyncCallerOptions = {},
): Promise<SyncCaller> {
  const hub = await openTestHub({ adapters: { billing: ok, records: ok }, eventBytesMax: 262_144, ...options });
  const route = createSyncRoute({ ...hub, stop: new HubStop(), ...(bodyBounds !== undefined && { bodyBounds }) });
  const { port, close } = await listen({ host: '127.0.0.1', port: 0 }, (request, response) =>
    route.handle(request, response, OPEN_PRINCIPAL),
  );
  onTestFinished(() => close(0));
  return {
    hub,
    port,
    postJson: (body, more) => post({ version, port, headers: json, body: JSON.stringify(body), ...more }),
    get acceptedData() {
      return new TextDecoder().decode(hub.events[0]?.data);
    },
  };
}
