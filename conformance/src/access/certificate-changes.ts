import { once } from 'node:events';
import { setTimeout as elapse } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { HubFolder } from '../hub-folder.ts';
import { createSyncClient } from '../sync-client.ts';
import { secureGrpc } from '../transports/connect-transport.ts';
import { Authority, type Pair } from './authority.ts';
import { replace } from './secure-hub.ts';

export interface CertificateChanges {
  /** How often the hub gets another certificate; each third time it is a broken one. */
  readonly changes: number;
  readonly connections: number;
  /** Of all connections together. */
  readonly eventsPerSecond: number;
}

/** What came of it; every list should be empty. */
export interface CertificateChangesResult {
  readonly published: number;
  /** From the first event to the last. */
  readonly tookMs: number;
  /** Connections that were made while certificates changed. */
  readonly handshakes: number;
  /** Certificates that new connections were shown. */
  readonly certificatesSeen: number;
  /** Events without an acceptance, and why. */
  readonly lost: readonly string[];
  /** Events that the hub refused, connections that it did not accept. */
  readonly refused: readonly string[];
}

const TICK_MS = 20;
/** A hub, or this process, that is slower than the pace has no more of one connection than this before it. */
const UNANSWERED_MAX = 500;
/** A connection is replaced after about as many events, every second one; the others stay for all changes. */
const ROUND_EVENTS = 200;

/** Publishes by TLS to a hub whose certificate changes all the time, on connections old and new. */
export async function changeCertificates({
  changes,
  connections,
  eventsPerSecond,
}: CertificateChanges): Promise<CertificateChangesResult> {
  const authority = await Authority.create();
  const folder = await HubFolder.create({
    config: { tls: { cert: 'hub.pem', key: 'hub-key.pem' }, limits: { perCaller: { eventsPerSecond: 1_000_000 } } },
  });
  try {
    const pair = await authority.issue();
    await replace(folder.path, { 'hub.pem': pair.cert, 'hub-key.pem': pair.key });
    const hub = await folder.start();
    const run = new Run(hub.address, authority.cert);
    const startedAtMs = performance.now();
    const perSecond = eventsPerSecond / connections;
    const publishers = Array.from({ length: connections }, (_, index) =>
      run.publish({ prefix: `c${index}`, perSecond, isRenewed: index % 2 === 1 }),
    );
    const newcomer = run.comeAgain();
    for (let change = 1; change <= changes; change += 1) {
      const next = await authority.issue();
      if (change % 3 === 0) await replace(folder.path, broken(change, next));
      else {
        await replace(folder.path, { 'hub-key.pem': next.key, 'hub.pem': next.cert });
        await run.whenShown(next);
      }
      await elapse(100);
    }
    run.isOver = true;
    await Promise.all([...publishers, newcomer]);
    run.tookMs = performance.now() - startedAtMs;
    return run;
  } finally {
    await folder.remove();
  }
}

/** The four ways in which a renewal goes wrong. */
function broken(change: number, { cert, key }: Pair): Record<string, string> {
  const ways = [
    { 'hub.pem': cert },
    { 'hub-key.pem': key },
    { 'hub.pem': cert.slice(0, 200) },
    { 'hub.pem': '', 'hub-key.pem': '' },
  ];
  return ways[change % ways.length] ?? {};
}

class Run implements CertificateChangesResult {
  tookMs = 0;
  published = 0;
  handshakes = 0;
  readonly lost: string[] = [];
  readonly refused: string[] = [];
  isOver = false;
  readonly #address: string;
  readonly #ca: string;
  readonly #seen = new Set<string>();

  constructor(address: string, ca: string) {
    this.#address = address;
    this.#ca = ca;
  }

  get certificatesSeen(): number {
    return this.#seen.size;
  }

  async publish({ prefix, perSecond, isRenewed }: { prefix: string; perSecond: number; isRenewed: boolean }) {
    for (let round = 0; !this.isOver; round += 1)
      await this.#publishRound({ prefix: `${prefix}-${round}`, perSecond, most: isRenewed ? ROUND_EVENTS : Infinity });
  }

  /** Connects again and again, as those do who were not connected before. */
  async comeAgain(): Promise<void> {
    for (; !this.isOver; await elapse(TICK_MS)) await this.#handshake();
  }

  /** Waits until a new connection is shown this certificate. */
  async whenShown({ serialNumber }: Pair): Promise<void> {
    const wanted = Number.parseInt(serialNumber, 16);
    while (Number.parseInt((await this.#handshake()) ?? '', 16) !== wanted) await elapse(TICK_MS);
  }

  /** @returns the serial number of the certificate that it was shown */
  async #handshake(): Promise<string | undefined> {
    const { hostname: host, port } = new URL(this.#address);
    const socket = connectTls({ host, port: Number(port), ca: this.#ca, ALPNProtocols: ['h2'] });
    try {
      await once(socket, 'secureConnect');
      this.handshakes += 1;
      const { serialNumber } = socket.getPeerX509Certificate() ?? {};
      if (serialNumber !== undefined) this.#seen.add(serialNumber);
      return serialNumber;
    } catch (error) {
      this.refused.push(`a connection: ${error}`);
      return undefined;
    } finally {
      socket.destroy();
    }
  }

  async #publishRound({ prefix, perSecond, most }: { prefix: string; perSecond: number; most: number }): Promise<void> {
    const client = createSyncClient(secureGrpc(this.#address, this.#ca));
    const allAnswered = Promise.withResolvers<void>();
    const beganAtMs = performance.now();
    let sent = 0;
    let answered = 0;
    let hasSentAll = false;
    const run = this;
    async function* requests() {
      for (; sent < most && !run.isOver; await elapse(TICK_MS)) {
        const due = Math.floor(((performance.now() - beganAtMs) / 1_000) * perSecond) - sent;
        const events = Array.from({ length: Math.min(due, UNANSWERED_MAX - (sent - answered)) }, (_, index) => ({
          ...{ id: `${prefix}-${sent + index}`, key: prefix, type: 'ProcessUpdated' },
        }));
        if (events.length === 0) continue;
        sent += events.length;
        yield { events, until: PublishUntil.ACCEPTED };
      }
      hasSentAll = true;
      if (answered === sent) allAnswered.resolve();
      await allAnswered.promise;
    }
    try {
      for await (const { results } of client.publishStream(requests())) {
        answered += results.length;
        for (const { result } of results)
          if (result.case !== 'accepted') this.refused.push(`an event: ${JSON.stringify(result.value)}`);
        if (hasSentAll && answered === sent) allAnswered.resolve();
      }
    } catch (error) {
      this.refused.push(`a stream: ${error}`);
    } finally {
      allAnswered.resolve();
      client.close();
    }
    this.published += answered;
    if (answered !== sent) this.lost.push(`${sent - answered} events of ${prefix}`);
  }
}
