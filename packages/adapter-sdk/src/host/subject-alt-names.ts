/** One of Node's list of subject alternative names: `<type>:<name>`, the name quoted as JSON where it has a comma or a quote. */
const NAME = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, |$)/y;

/**
 * The subject alternative names of a certificate, each as `DNS:<name>` or `URI:<name>`, without the quotes that Node adds.
 * Empty when the list cannot be read to its end.
 *
 * @param list as `subjectAltName` of an X509Certificate has it
 */
export function subjectAltNames(list = ''): readonly string[] {
  const names: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < list.length) {
    const [, type, quoted, plain] = NAME.exec(list) ?? [];
    if (type === undefined) return [];
    names.push(`${type}:${quoted === undefined ? plain : JSON.parse(quoted)}`);
  }
  return names;
}
