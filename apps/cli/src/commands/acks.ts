import type { Command } from 'commander';
import { followAcks } from '../ack-feed.ts';
import { AckReport } from '../ack-report.ts';
import { commandLine, sourceFlag } from '../advice.ts';
import { adviceToReaders, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { addressOption } from '../hub-address.ts';
import { stopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

interface WatchOptions {
  cursor?: string;
  source?: string;
  address: string;
  json?: true;
}

export function addAcksCommand(program: Command, terminal: Terminal): void {
  const acks = program.command('acks').description('the outcomes of events');
  acks
    .command('watch')
    .description('show acks as they come; with event ids: all of theirs, until these events have settled')
    .argument('[event-ids...]', 'only acks of these events')
    .option('--source <source>', 'of the named events, where several sources have one of the ids')
    .option('--cursor <cursor>', 'begin after this place instead: the cursor of the last ack that you have seen')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((eventIds: string[], options: WatchOptions) => watchAcks(eventIds, options, terminal));
}

async function watchAcks(eventIds: string[], options: WatchOptions, terminal: Terminal): Promise<void> {
  const { data, notes } = terminal;
  const hub = connectToHub(options.address);
  const stop = stopSignal();
  const report = new AckReport(data, { asJson: options.json === true });
  let cursor = options.cursor ?? '';
  try {
    const acks = followAcks(
      hub,
      { eventIds, source: options.source, cursor },
      { signal: stop.signal, onLost: () => notes.line('The connection to the hub was lost; resuming ...') },
    );
    for await (const ack of acks) {
      cursor = ack.cursor || cursor;
      report.tell(ack);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw apiFailure(error, options.address, adviceToReaders);
    if (cursor !== '') {
      const named = [...eventIds, ...sourceFlag(options.source)];
      const again = commandLine(['acks', 'watch', ...named, '--cursor', cursor], options.address);
      notes.line(`To continue from here: ${again}`);
    }
  } finally {
    stop.dispose();
    hub.close();
  }
}
