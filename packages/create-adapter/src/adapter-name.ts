/** What an adapter is called, in the places where it has a name. */
export interface AdapterName {
  /** Names it in acks, health and configuration. */
  readonly id: string;
  /** Of its npm package. */
  readonly packageName: string;
  /** The folder that is made for it, unless another is named. */
  readonly folder: string;
}

/** What a hub takes for an id. */
const ADAPTER_ID = /^[a-z][a-z0-9-]{0,62}$/;
const SCOPE = /^@[a-z0-9-~][a-z0-9-._~]*$/;

/** A name that cannot be one: the message says what is allowed, and what would be near it. */
export class NameError extends Error {
  override readonly name = 'NameError';
}

/**
 * What `lab`, `adapter-lab`, `@clinic/lab` or `@clinic/adapter-lab` stands for: the id is `lab`, and the package is
 * `adapter-lab` of the scope.
 *
 * @throws NameError
 */
export function adapterName(text: string): AdapterName {
  const [first = '', second] = text.split(/\/(.*)/s, 2);
  const [scope, folder] = second === undefined ? [undefined, first] : [first, second];
  if (scope !== undefined && !SCOPE.test(scope)) {
    throw new NameError(`"${scope}" is no npm scope: a scope begins with @, as in @clinic/${nearest(folder) || 'lab'}`);
  }
  const id = folder.replace(/^adapter-/, '');
  if (!ADAPTER_ID.test(id)) {
    const near = nearest(id);
    const advice = near === '' ? 'as in lab' : `such as ${near}`;
    throw new NameError(
      `"${text}" cannot be the name of an adapter: 1 to 63 of a-z, 0-9 and -, beginning with a letter, ${advice}`,
    );
  }
  return { id, packageName: [...(scope === undefined ? [] : [scope]), `adapter-${id}`].join('/'), folder };
}

/** The same in what is allowed; empty when nothing is left of it. */
function nearest(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
}
