import { fieldsOf } from '../../config-schema.ts';
import type { Check } from '../check.ts';
import { must } from '../check-failure.ts';
import type { BadConfig } from '../kit.ts';
import type { VerificationContext } from '../verification-context.ts';

/** Accepts the configuration of the kit. */
export const configuration: Check = {
  name: 'configuration',
  title: 'the configuration of the kit is accepted',
  run: async (context) => {
    await context.ready();
  },
};

/** Rejects a wrong configuration with the path of the wrong field. */
export const badConfiguration: Check = {
  name: 'bad-configuration',
  title: 'a wrong configuration is rejected, and the error names the path of each wrong field',
  run: async (context) => {
    const configs = [...(await wrongFields(context)), ...(context.kit.badConfigs ?? [])];
    must(
      configs.length > 0,
      'there is no wrong configuration to test with',
      'add some to badConfigs of verify.json; this adapter has no schema to derive them from',
    );
    for (const { path, config } of configs) {
      const diagnostics = await (await context.open()).configure(context.config(config));
      const what = `a configuration that is wrong at ${path || 'its root'}`;
      must(
        diagnostics.length > 0,
        `${what} was accepted`,
        'check it with the schema, or throw Misconfigured from open',
      );
      must(
        diagnostics.some((found) => found.path === path || found.path.startsWith(`${path}.`) || path === ''),
        `${what} was rejected, but the error names ${diagnostics.map((found) => found.path || 'the root').join(', ')}`,
        'let the schema reject it, or throw new Misconfigured(message, { path }) from open',
      );
      const mute = diagnostics.filter(({ message }) => message.trim() === '');
      must(mute.length === 0, `${what} was rejected without a message`, 'describe in the message what is expected');
    }
  },
};

/** The kit's configuration, once for each required field without it, and once for each field with a value of a wrong type. */
async function wrongFields(context: VerificationContext): Promise<readonly BadConfig[]> {
  const { configSchema } = await context.subject.describe();
  const { config } = context.kit;
  if (configSchema === undefined) return config === undefined ? [{ path: 'unwanted', config: { unwanted: 1 } }] : [];
  if (typeof config !== 'object' || config === null) return [];
  const given: Readonly<Record<string, unknown>> = { ...config };
  const topLevel = fieldsOf(configSchema).filter(({ path }) => /^[^.[\]*]+$/.test(path));
  return topLevel.flatMap(({ path, type, required }) => {
    const { [path]: _left, ...without } = given;
    // A list of a list is wrong for any field that is not a list.
    const wrong = type.startsWith('array') ? 'wrong' : [['wrong']];
    return [
      ...(required ? [{ path, config: without }] : []),
      ...(type === 'any' ? [] : [{ path, config: { ...given, [path]: wrong } }]),
    ];
  });
}
