import { DAMAGES } from './damage.ts';
import { answerToDamage, type DamageAnswer } from './damaged-journal.ts';
import type { FaultAnswer, FaultOptions } from './fault-answer.ts';
import { LedgerStack } from './ledger-stack.ts';
import { makeSampleJournal } from './sample-journal.ts';
import { seededRandom } from './seeded-random.ts';

const SEED = 7;
/** A short form does so much of each kind, but each kind at least once. */
const SHORT_SHARE = 0.15;
const HUBS_AT_ONCE = 2;

/** 200 kinds of harm to a journal's files: each is refused or found with a clear message, or harms no event. */
export async function* damage({ short }: FaultOptions): AsyncGenerator<FaultAnswer> {
  const sample = await makeSampleJournal(60);
  const foreign = await makeSampleJournal(90);
  const stacks = await Promise.all(Array.from({ length: HUBS_AT_ONCE }, () => LedgerStack.create({ keys: 0 })));
  try {
    for (const [number, { what, share, inflict }] of DAMAGES.entries()) {
      const times = short ? Math.max(1, Math.round(share * SHORT_SHARE)) : share;
      const answers: DamageAnswer[] = [];
      const wrong: string[] = [];
      let next = 0;
      const inflictNext = async (stack: LedgerStack): Promise<void> => {
        while (next < times) {
          const random = seededRandom(SEED + 1_000 * number + next);
          next += 1;
          let place = '';
          const answer = await answerToDamage(stack, sample, (folder) => {
            place = inflict({ folder, foreignFolder: foreign.folder, earlierFolder: sample.earlierFolder, random });
          });
          answers.push(answer);
          if (isWrong(answer)) wrong.push(`${place}: ${answer.kind}${'what' in answer ? `, ${answer.what}` : ''}`);
        }
      };
      await Promise.all(stacks.map(inflictNext));
      yield { fault: what, times, answer: [...summaries(answers), ...wrong].join('; '), ok: wrong.length === 0 };
    }
  } finally {
    await Promise.all([...stacks.map((stack) => stack.close()), sample.remove(), foreign.remove()]);
  }
}

function isWrong({ kind }: DamageAnswer): boolean {
  return kind === 'SILENT LOSS' || kind === 'CRASHED' || kind === 'HUNG';
}

function summaries(answers: readonly DamageAnswer[]): readonly string[] {
  return [...Map.groupBy(answers, ({ kind }) => kind)].map(([kind, { length }]) => `${length} ${kind}`).toSorted();
}
