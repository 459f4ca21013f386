import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { create, type DescMethod, toBinary } from '@bufbuild/protobuf';
import {
  PublishStreamRequestSchema,
  SyncService,
  WatchAcksRequestSchema,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { HeldCount, HolderOrder } from './held-streams.ts';

/**
 * The entry of a process that holds many streams of a hub open, over several connections, with as little of its own as
 * can be. Its parent sends what to open; it answers how many are open once each has its response's headers.
 */

/** How often an active stream publishes. */
const PUBLISH_EVERY_MS = 5_000;
const GRPC_HEADER_BYTES = 5;

let open = 0;
let published = 0;

process.on('message', (order: HolderOrder) => void carryOut(order));
process.on('disconnect', () => process.exit());

async function carryOut({ kind, address, count, perConnection, waitingEventId }: HolderOrder): Promise<void> {
  const opened: ClientHttp2Session[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % perConnection === 0) opened.push(await openSession(address));
    const session = opened.at(-1);
    if (session === undefined) throw new Error('no connection');
    if (kind === 'active') publishNowAndThen(session, index / count);
    else if (index % 2 === 0) publishNothing(session);
    else watchOne(session, waitingEventId);
  }
  await Promise.all(opened.map(pingBehindAll));
  report();
}

async function openSession(address: string): Promise<ClientHttp2Session> {
  const session = connect(address);
  session.on('error', (error) => console.error(`a connection ended: ${error.message}`));
  await once(session, 'remoteSettings');
  return session;
}

/** An idle stream sends nothing; the hub has read its request once it has answered a later ping. */
function pingBehindAll(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => session.ping((error) => (error === null ? resolve() : reject(error))));
}

/** A PublishStream on which nothing is published. */
function publishNothing(session: ClientHttp2Session): void {
  begin(session, SyncService.method.publishStream);
}

/** A WatchAcks of an event that does not settle. */
function watchOne(session: ClientHttp2Session, eventId: string): void {
  const message = toBinary(WatchAcksRequestSchema, create(WatchAcksRequestSchema, { eventIds: [eventId] }));
  begin(session, SyncService.method.watchAcks).end(framed(message));
}

/** @param phase from 0 to 1: when in the time between two events it publishes its second */
function publishNowAndThen(session: ClientHttp2Session, phase: number): void {
  const stream = begin(session, SyncService.method.publishStream);
  const publish = () => {
    if (stream.destroyed) return;
    published += 1;
    const events = [{ id: `${process.pid}-${published}`, type: 'ProcessUpdated' }];
    stream.write(framed(toBinary(PublishStreamRequestSchema, create(PublishStreamRequestSchema, { events }))));
  };
  publish();
  setTimeout(() => {
    publish();
    setInterval(publish, PUBLISH_EVERY_MS);
  }, phase * PUBLISH_EVERY_MS);
}

function begin(session: ClientHttp2Session, method: DescMethod): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${method.parent.typeName}/${method.name}`,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.on('data', () => undefined);
  open += 1;
  stream.once('close', () => {
    open -= 1;
    report();
  });
  return stream;
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(GRPC_HEADER_BYTES + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, GRPC_HEADER_BYTES);
  return frame;
}

function report(): void {
  if (process.connected) process.send?.({ open } satisfies HeldCount);
}
