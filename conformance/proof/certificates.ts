import { parseArgs } from 'node:util';
import { changeCertificates } from '../src/access/certificate-changes.ts';

/**
 * `npm run certificates`: a hub's certificate changes 50 times, each third time to a broken one, while 5,000 events a
 * second come over 20 connections. Every event is accepted, and every connection. `-- --short` changes it 9 times.
 */

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const changes = values.short ? 9 : 50;
const result = await changeCertificates({ changes, connections: 20, eventsPerSecond: values.short ? 1_000 : 5_000 });
const { published, tookMs, handshakes, certificatesSeen, lost, refused } = result;
const perSecond = Math.round((published / tookMs) * 1_000);
console.log(
  `${changes} changes, ${certificatesSeen} certificates in use, ${handshakes} new connections, ${published} events accepted (${perSecond}/s): ` +
    `${lost.length} lost, ${refused.length} refused`,
);
for (const line of [...refused, ...lost].slice(0, 20)) console.error(line);
process.exitCode = lost.length + refused.length > 0 ? 1 : 0;
