import { once } from 'node:events';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import { Cluster } from './cluster.ts';
import { EventLog } from './event-log.ts';
import { Publisher } from './publisher.ts';
import { playAll, type Scene } from './scenes.ts';
import { duration, Screen, type ScreenOptions } from './screen.ts';
import { type Summary, summarize } from './summary.ts';

export interface ExampleOptions extends Pick<ScreenOptions, 'write' | 'isColored'> {
  readonly scenes: readonly Scene[];
  /** An event is published so often. */
  readonly everyMs: number;
  /** How long only events are published, before and after each scene. */
  readonly calmMs: number;
  /** Ends the example. */
  readonly signal: AbortSignal;
}

/**
 * Starts a cluster and a publisher, plays the scenes, and prints what the publisher sees.
 *
 * @throws the reason of the signal
 */
export async function runExample({ scenes, everyMs, calmMs, signal, ...output }: ExampleOptions): Promise<Summary> {
  const screen = new Screen({ adapters: SYSTEM_NAMES, ...output });
  const log = new EventLog(SYSTEM_NAMES, screen);
  screen.chapter(
    'Three hubs on one PostgreSQL',
    'All have the same three adapters; each adapter runs at one of them at a time. A publisher sends events to the hubs in turn. Ctrl-C ends it.',
  );
  const cluster = await Cluster.start({
    onStarted: (what) => screen.note(what),
    onExit: (hub, reason) => screen.note(`${hub} exits, and its supervisor starts it again: ${reason}`),
    onOwner: (adapter, owner) => screen.note(`${owner} runs ${adapter}`),
  });
  try {
    const addresses = cluster.members.map(({ hub: { name, url } }) => ({ name, url }));
    const publisher = new Publisher(addresses, { log, everyMs });
    const publishing = publisher.run();
    const stopped = once(signal, 'abort').then(() => signal.throwIfAborted());
    signal.throwIfAborted();
    await Promise.race([playAll(scenes, { cluster, log, screen, calmMs }), publishing, stopped]);
    publisher.finish();
    await publishing;
    screen.end();
    const summary = summarize(log, cluster.systems);
    printSummary(screen, summary, log);
    return summary;
  } finally {
    await cluster.close();
  }
}

function printSummary(screen: Screen, summary: Summary, { longestMs }: EventLog): void {
  screen.chapter('Summary', 'What the publisher was promised, compared with what the three systems recorded.');
  const counts: readonly (readonly [string, number, string?])[] = [
    ['published', summary.published],
    ['accepted', summary.accepted, `${summary.republished} of them by another hub, as the first did not answer`],
    ['delivered', summary.delivered, 'at all three systems'],
    ['lost', summary.lost],
    ['overtaken', summary.overtaken, 'by a later change of the same process'],
    ['repeated', summary.repeated, 'attempts made again (redelivered), with the same Idempotency-Key'],
  ];
  for (const [name, count, what = ''] of counts) {
    screen.line(`${name.padEnd(16)}${String(count).padStart(6)}  ${what}`.trimEnd());
  }
  screen.line();
  screen.line('The longest time from publishing an event to its last ack:');
  screen.line();
  for (const [chapter, ms] of longestMs) screen.line(`${chapter.padEnd(16)}${duration(ms).padStart(8)}`);
}
