import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';

/** The results of `check` are right. */
export const checkResults: Check = {
  name: 'check',
  title: 'check, if there is one, reports whether the credential is accepted, and changes nothing',
  run: async (context) => {
    const target = await context.ready();
    const well = await target.check();
    for (const { name, ok, message } of well) {
      must(ok, `check reports ${name} as not ok, but the system works: ${message}`, 'report what was observed');
    }
    context.standIn.behave({ kind: 'answer', answer: { status: 401 } });
    const refused = await target.check();
    must(
      refused.length === 0 || refused.some(({ ok }) => !ok),
      'check reports no problem, but the system answers 401',
      'send a request with the credential, and report a result that is not ok, as pool.check of the SDK does',
    );
    must(
      context.standIn.writes.length === 0,
      `check sent ${context.standIn.writes[0]?.method}, which is a write`,
      'use GET or HEAD in check, or declare the request in reads of verify.json: check must change nothing',
    );
  },
};
