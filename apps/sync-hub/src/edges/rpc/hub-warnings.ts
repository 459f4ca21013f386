import type { LaneStatistics } from '../../journal/journal.ts';

/**
 * What is not well although the hub accepts events, a sentence each with what to do.
 *
 * @param adapters the ids of those that have a lane
 * @param lanes of all that ever had a delivery
 */
export function hubWarnings(adapters: readonly string[], lanes: readonly LaneStatistics[]): readonly string[] {
  const nobody =
    'no adapters are configured: events are accepted and delivered to nobody; add one (hms-sync adapter add --help), ' +
    'or name it in hms-sync.yaml';
  const unknown = lanes.filter(({ adapter, unsettled }) => unsettled > 0 && !adapters.includes(adapter));
  return [
    ...(adapters.length === 0 ? [nobody] : []),
    ...unknown.map(({ adapter, unsettled }) => {
      const who = unsettled === 1 ? '1 delivery waits' : `${unsettled} deliveries wait`;
      return `${who} for "${adapter}", which is not configured: add it again, name it in hms-sync.yaml, or discard what waits: hms-sync delivery discard --adapter ${adapter} --reason '<why>'`;
    }),
  ];
}
