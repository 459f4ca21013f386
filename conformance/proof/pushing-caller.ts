import process from 'node:process';
import { PostingCaller } from './posting-caller.ts';

/**
 * The caller over its limit of `npm run limits`, a process of its own; arguments: the hub's address, its token, and how many
 * events it has unanswered at a time. From one message to the next it publishes, each event as soon as another was
 * answered; then it says how many were accepted and refused.
 */

const [, , address = '', token = '', inFlight = ''] = process.argv;
const caller = await PostingCaller.connect(address, [token], 'pushing');
let isPushing = false;
let counts = { accepted: 0, refused: 0 };
let pushes: readonly Promise<void>[] = [];

process.on('message', async () => {
  isPushing = !isPushing;
  if (isPushing) {
    counts = { accepted: 0, refused: 0 };
    pushes = Array.from({ length: Number(inFlight) }, push);
    return;
  }
  await Promise.all(pushes);
  process.send?.(counts);
});
process.on('disconnect', () => process.exit());

async function push(): Promise<void> {
  while (isPushing) {
    const { status } = await caller.post();
    if (status === 429) counts.refused += 1;
    else counts.accepted += 1;
  }
}
