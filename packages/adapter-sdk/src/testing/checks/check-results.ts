import { type Check, must } from '../check.ts';

/** What `check` says can be believed. */
export const checkResults: Check = {
  name: 'check',
  title: 'check, if there is one, tells whether it is let in and changes nothing',
  run: async (trial) => {
    const target = await trial.ready();
    const well = await target.check();
    for (const { name, ok, message } of well) {
      must(ok, `check says that ${name} is not ok, and the system is well: ${message}`, 'report what was seen');
    }
    trial.standIn.behave({ kind: 'answer', answer: { status: 401 } });
    const refused = await target.check();
    must(
      refused.length === 0 || refused.some(({ ok }) => !ok),
      'check says that all is well, and the system answers 401',
      'ask the system with the credential, and report a result that is not ok; pool.check of the SDK does',
    );
    must(
      trial.standIn.writes.length === 0,
      `check sent ${trial.standIn.writes[0]?.method}, which writes`,
      'check by GET or HEAD, or name it in reads of verify.json: operators check whenever they like',
    );
  },
};
