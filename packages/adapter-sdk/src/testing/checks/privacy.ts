import type { Outcome } from '../../outcome.ts';
import type { Check } from '../check.ts';
import { CheckFailure } from '../check-failure.ts';
import { recordOutput } from '../output.ts';
import type { Behaviour } from '../stand-in.ts';
import type { VerificationContext } from '../verification-context.ts';

/** A text that people may read, and its place. */
interface Output {
  readonly where: string;
  readonly text: string;
}

/** No log and no error contains a payload or a secret. */
export const privacy: Check = {
  name: 'privacy',
  title: 'no log and no error contains a payload or a secret',
  partly: ({ inThisProcess }) =>
    inThisProcess ? undefined : 'only errors were checked: its log is in another process',
  run: async (context) => {
    context.subject.takeLog();
    const output = recordOutput();
    const said: Output[] = [];
    try {
      said.push(...(await provoked(context)));
    } finally {
      output.stop();
    }
    for (const text of context.subject.takeLog() ?? []) said.push({ where: 'a log record', text });
    said.push(...output.texts.map((text) => ({ where: 'the console output', text })));
    for (const { where, text } of said) {
      const leak = leakIn(text, context);
      if (leak === undefined) continue;
      const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
      throw new CheckFailure(`${where} contains ${leak}: ${shown}`, {
        todo: 'log only ids and keys, mark secret fields with secret(), and put no body and no event into an error',
      });
    }
  },
};

/** Provokes every kind of failure, with a system that repeats the request in its response. */
async function provoked(context: VerificationContext): Promise<readonly Output[]> {
  const said: Output[] = [];
  for (const { path, config } of context.kit.badConfigs ?? []) {
    const diagnostics = await (await context.open()).configure(context.config(config));
    for (const { message } of diagnostics) said.push({ where: `the diagnostic of ${path}`, text: message });
  }
  const target = await context.ready();
  const statuses = [200, 302, 400, 401, 422, 429, 500, 503];
  const behaviours: readonly [string, Behaviour][] = [
    ...statuses.map((status): [string, Behaviour] => [`HTTP ${status}`, { kind: 'echo', answer: { status } }]),
    ['a reset connection', { kind: 'reset' }],
  ];
  for (const [what, behaviour] of behaviours) {
    context.standIn.behave(behaviour);
    said.push(...textsOf(await context.deliver(target), what));
    for (const { message } of await target.check()) said.push({ where: `check, after ${what}`, text: message });
  }
  context.standIn.behaveWell();
  const { event, ...attempt } = context.attempt();
  const broken = { ...event, data: Buffer.from(`{"cut short": "${context.canaries.payload}`) };
  said.push(...textsOf(await context.deliver(target, { ...attempt, event: broken }), 'data that is cut short'));
  return said;
}

function textsOf(outcome: Outcome, what: string): readonly Output[] {
  if (outcome.kind === 'delivered') return [];
  return [{ where: `the outcome of ${what}`, text: `${outcome.code}: ${outcome.message}` }];
}

function leakIn(text: string, { canaries: { secret, payload } }: VerificationContext): string | undefined {
  if (text.includes(payload)) return 'a payload';
  const forms = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')];
  return forms.some((form) => text.includes(form)) ? 'a secret' : undefined;
}
