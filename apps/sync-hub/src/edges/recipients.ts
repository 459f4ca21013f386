/** What a publisher should know about who gets an event, a sentence each; empty when all is well. */
export function recipientWarnings(adapters: readonly string[]): readonly string[] {
  if (adapters.length > 0) return [];
  return [
    'the hub has no adapters: it keeps this event and delivers it to nobody, not to one that is added later either',
  ];
}
