import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bystander, tellToll } from './bystander.ts';
import { type RawResponse, request } from './raw-request.ts';
import { type Stack, startStack } from './stack.ts';
import { expectUnharmed } from './unharmed.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
let bystander: Bystander;

beforeAll(async () => {
  stack = await startStack();
  bystander = await Bystander.open(stack.hub);
});
afterAll(async () => {
  bystander?.close();
  await stack?.close();
});

const MIB = 1_024 * 1_024;

/** Just under the bound of 4 MiB for a message; unpacked nearly 4 GiB, for gzip goes on after the end of a part. */
const PART = gzipSync(Buffer.alloc(64 * MIB));
const GZIP = Buffer.concat(Array.from({ length: Math.floor((4 * MIB) / PART.byteLength) }, () => PART));
/** Some hundred bytes. */
const BROTLI = brotliCompressSync(Buffer.alloc(256 * MIB), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

const codings = [
  { coding: 'gzip', bomb: GZIP },
  { coding: 'br', bomb: BROTLI },
] as const;
const protocols = [
  { protocol: 'Connect', contentType: 'application/proto', header: 'content-encoding', framed: false },
  { protocol: 'Connect in JSON', contentType: 'application/json', header: 'content-encoding', framed: false },
  {
    protocol: 'a stream of Connect',
    contentType: 'application/connect+proto',
    header: 'connect-content-encoding',
    framed: true,
  },
  { protocol: 'gRPC', contentType: 'application/grpc+proto', header: 'grpc-encoding', framed: true },
  { protocol: 'gRPC-Web', contentType: 'application/grpc-web+proto', header: 'grpc-encoding', framed: true },
] as const;
const bombs = protocols.flatMap((protocol) => codings.map((coding) => ({ ...protocol, ...coding })));

/** So many at a time. */
const AT_ONCE = 6;

test.for(bombs)(
  'decompression bombs of $coding in $protocol are rejected before they fill the memory',
  async (bomb, { annotate }) => {
    const toll = await bystander.beside(async () => {
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => throwBomb(bomb)));
      for (const answer of answers) expect(answer).toMatch(/resource_exhausted|"?grpc-status"?:"?8/);
    });
    await annotate(tellToll(toll), 'toll');
    expect(toll.peakBytes - toll.beforeBytes).toBeLessThan(256 * MIB);
    await expectUnharmed(stack);
  },
);

/** Everything that was answered, as a text. */
async function throwBomb({ contentType, header, coding, bomb, framed }: (typeof bombs)[number]): Promise<string> {
  const envelope = Buffer.alloc(framed ? 5 : 0);
  if (framed) {
    envelope.writeUInt8(1, 0);
    envelope.writeUInt32BE(bomb.byteLength, 1);
  }
  const { publishAndWait, publishStream } = SyncService.method;
  const response = await request(stack.hub.address, {
    httpVersion: '2',
    path: pathOf(contentType.startsWith('application/connect+') ? publishStream : publishAndWait),
    headers: { 'content-type': contentType, [header]: coding, te: 'trailers' },
    body: Buffer.concat([envelope, bomb]),
  });
  return response === 'connection closed' ? response : inWords(response);
}

function inWords({ headers, trailers, body }: RawResponse): string {
  return `${JSON.stringify({ ...headers, ...trailers })} ${body.toString().replaceAll(': ', ':')}`;
}
