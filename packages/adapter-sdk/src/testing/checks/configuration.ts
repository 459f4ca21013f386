import { fieldsOf } from '../../config-schema.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { BadConfig } from '../kit.ts';
import type { VerificationContext } from '../verification-context.ts';

/** Takes the configuration that the kit gives. */
export const configuration: Check = {
  name: 'configuration',
  title: 'the configuration of the kit is taken',
  run: async (context) => {
    await context.ready();
  },
};

/** Refuses a wrong configuration in a way that lets an operator fix it. */
export const badConfiguration: Check = {
  name: 'bad-configuration',
  title: 'a wrong configuration is refused, and the path of each wrong field is named',
  run: async (context) => {
    const configs = [...(await wrongFields(context)), ...(context.kit.badConfigs ?? [])];
    must(
      configs.length > 0,
      'no wrong configuration is known',
      'name some in badConfigs of verify.json; this adapter has no schema to derive them from',
    );
    for (const { path, config } of configs) {
      const diagnostics = await (await context.open()).configure(context.config(config));
      const what = `a configuration that is wrong at ${path || 'the whole'}`;
      must(diagnostics.length > 0, `${what} was taken`, 'check it by the schema, or throw Misconfigured from open');
      must(
        diagnostics.some((found) => found.path === path || found.path.startsWith(`${path}.`) || path === ''),
        `${what} was refused, and the path named was ${diagnostics.map((found) => found.path || 'the whole').join(', ')}`,
        'let the schema refuse it, or throw new Misconfigured(message, { path }) from open',
      );
      const mute = diagnostics.filter(({ message }) => message.trim() === '');
      must(mute.length === 0, `${what} was refused without a word`, 'say in the message what would be right');
    }
  },
};

/** The kit's configuration with one required field missing, and with one of the wrong type. */
async function wrongFields(context: VerificationContext): Promise<readonly BadConfig[]> {
  const { configSchema } = await context.subject.describe();
  const { config } = context.kit;
  if (configSchema === undefined) return config === undefined ? [{ path: 'unwanted', config: { unwanted: 1 } }] : [];
  if (typeof config !== 'object' || config === null) return [];
  const given: Readonly<Record<string, unknown>> = { ...config };
  const topLevel = fieldsOf(configSchema).filter(({ path }) => /^[^.[\]*]+$/.test(path));
  return topLevel.flatMap(({ path, type, required }) => {
    const { [path]: _left, ...without } = given;
    // No configuration language has such a value for a text, a number, a switch or an object alike.
    const wrong = type.startsWith('array') ? 'wrong' : [['wrong']];
    return [
      ...(required ? [{ path, config: without }] : []),
      ...(type === 'any' ? [] : [{ path, config: { ...given, [path]: wrong } }]),
    ];
  });
}
