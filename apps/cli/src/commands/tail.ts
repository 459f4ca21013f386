import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import type { Command } from 'commander';
import { ackJson } from '../ack-json.ts';
import { AckReport } from '../ack-report.ts';
import { adviceToReaders, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { addFilterOptions, type FilterOptions, toFilter } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { stopSignal } from '../stop-signal.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';
import { eventName, isoTime, timeInWords } from '../words.ts';

interface TailOptions extends FilterOptions {
  address: string;
  json?: true;
}

export function addTailCommand(program: Command, terminal: Terminal): void {
  addFilterOptions(program.command('tail'))
    .description('watch events as they are accepted, acks as they are recorded, until Ctrl-C')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .action((options: TailOptions) => tail(options, terminal));
}

async function tail(options: TailOptions, { data, notes }: Terminal): Promise<void> {
  const asJson = options.json === true;
  const report = new AckReport(data, { asJson });
  const hub = connectToHub(options.address);
  const stop = stopSignal();
  try {
    for await (const { happening } of hub.admin.tailEvents({ filter: toFilter(options) }, { signal: stop.signal })) {
      switch (happening.case) {
        case 'accepted':
          tellAccepted(data, happening.value, asJson);
          break;
        case 'ack':
          if (asJson) data.json({ kind: 'ack', ...ackJson(happening.value) });
          else report.tell(happening.value);
          break;
        case 'missed':
          if (asJson) data.json({ kind: 'missed', missed: Number(happening.value) });
          else notes.line(`(${happening.value} left out here: they came faster than they were read)`);
          break;
        case undefined:
          break;
      }
    }
    throw new Failure(`the hub at ${options.address} ended the stream: it may be shutting down`, ExitCode.noAnswer);
  } catch (error) {
    if (!stop.signal.aborted) throw apiFailure(error, options.address, adviceToReaders);
  } finally {
    stop.dispose();
    hub.close();
  }
}

function tellAccepted(printer: Printer, { id, source, type, key, time }: SyncEvent, asJson: boolean): void {
  if (asJson) {
    printer.json({
      kind: 'accepted',
      event_id: id,
      source: source || undefined,
      type,
      key: key || undefined,
      time: isoTime(time),
    });
    return;
  }
  const lead = printer.paint('quiet', `${timeInWords(time)}  ${eventName(id, source)}`);
  const about = `${printable(type)}${key === '' ? '' : ` of ${printable(key)}`}`;
  printer.line(`${lead}  ${printer.paint('strong', 'ACCEPTED')}  ${about}`);
}
