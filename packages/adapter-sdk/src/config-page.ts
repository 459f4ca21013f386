import { type ConfigField, type ConfigSchema, configSchemaOf, fieldsOf } from './config-schema.ts';

/**
 * The configuration of an adapter as a page in Markdown, created from its schema: a table with the path, type, default and
 * description of each field, and whether it is required and secret.
 *
 * @param title the page's heading, such as `Configuration of billing`.
 * @throws TypeError when the schema cannot be converted to JSON Schema.
 */
export function configPageOf(
  definition: { readonly config?: ConfigSchema | undefined },
  title = 'Configuration',
): string {
  const schema = configSchemaOf(definition);
  if (schema === undefined) return `# ${title}\n\nThis adapter has no configuration.\n`;
  // The items of a list of objects need no row of their own: their fields have rows.
  const fields = fieldsOf(schema).filter(
    ({ path, type, secret }) => secret || type !== 'object' || !/(\[\]|\*)$/.test(path),
  );
  const rows = [
    ['field', 'type', 'required', 'default', 'secret', 'description'],
    ['---', '---', '---', '---', '---', '---'],
    ...fields.map(rowOf),
  ];
  const strict = schema.additionalProperties === false ? '\nAny other field is rejected.\n' : '';
  const table = rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  return `# ${title}\n\n${table}${strict}`;
}

function rowOf({ path, type, required, default: preset, secret, description }: ConfigField): readonly string[] {
  return [
    `\`${cell(path)}\``,
    cell(type),
    required ? 'yes' : '',
    // The default of a secret is a secret.
    preset === undefined || secret ? '' : `\`${cell(JSON.stringify(preset))}\``,
    secret ? 'yes' : '',
    cell(description),
  ];
}

function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}
