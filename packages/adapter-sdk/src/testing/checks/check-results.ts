import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';

/** What `check` says can be believed. */
export const checkResults: Check = {
  name: 'check',
  title: 'check, if there is one, reports whether the credential is accepted, and changes nothing',
  run: async (context) => {
    const target = await context.ready();
    const well = await target.check();
    for (const { name, ok, message } of well) {
      must(ok, `check says that ${name} is not ok, and the system is well: ${message}`, 'report what was seen');
    }
    context.standIn.behave({ kind: 'answer', answer: { status: 401 } });
    const refused = await target.check();
    must(
      refused.length === 0 || refused.some(({ ok }) => !ok),
      'check says that all is well, and the system answers 401',
      'ask the system with the credential, and report a result that is not ok; pool.check of the SDK does',
    );
    must(
      context.standIn.writes.length === 0,
      `check sent ${context.standIn.writes[0]?.method}, which writes`,
      'check by GET or HEAD, or name it in reads of verify.json: operators check whenever they like',
    );
  },
};
