/** The names of an adapter. */
export interface AdapterName {
  /** Its id in acks, health and configuration. */
  readonly id: string;
  /** The name of its npm package. */
  readonly packageName: string;
  /** Its default folder. */
  readonly folder: string;
}

/** The format of adapter ids. */
const ADAPTER_ID = /^[a-z][a-z0-9-]{0,62}$/;
const SCOPE = /^@[a-z0-9-~][a-z0-9-._~]*$/;

/** An invalid name: the message describes what is allowed, and suggests a name. */
export class NameError extends Error {
  override readonly name = 'NameError';
}

/**
 * Parses `lab`, `adapter-lab`, `@clinic/lab` or `@clinic/adapter-lab`: the id is `lab`, and the package is `adapter-lab` in
 * the scope.
 *
 * @throws NameError
 */
export function adapterName(text: string): AdapterName {
  const [first = '', second] = text.split(/\/(.*)/s, 2);
  const [scope, folder] = second === undefined ? [undefined, first] : [first, second];
  if (scope !== undefined && !SCOPE.test(scope)) {
    throw new NameError(
      `"${scope}" is not an npm scope: a scope begins with @, as in @clinic/${nearest(folder) || 'lab'}`,
    );
  }
  const id = folder.replace(/^adapter-/, '');
  if (!ADAPTER_ID.test(id)) {
    const near = nearest(id);
    const advice = near === '' ? 'as in lab' : `such as ${near}`;
    throw new NameError(
      `"${text}" is not an adapter name: use 1 to 63 of a-z, 0-9 and -, beginning with a letter, ${advice}`,
    );
  }
  return { id, packageName: [...(scope === undefined ? [] : [scope]), `adapter-${id}`].join('/'), folder };
}

/** The text with only allowed characters; may be empty. */
function nearest(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
}
