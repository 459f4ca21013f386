import { registerHooks } from 'node:module';

/** The part of nx's tree of files that is needed here: what it holds is written when the generator is done. */
export interface Tree {
  exists(path: string): boolean;
  write(path: string, text: string): void;
}

export interface AdapterOptions {
  readonly name: string;
  readonly description?: string;
}

/**
 * `nx g ./tools:adapter lab`: what `npm create @hms-sync/adapter lab` makes, as a project of this workspace. Nothing is
 * overwritten.
 *
 * @returns what nx runs when the files are written
 * @throws NameError; Error when there is such a package already
 */
export default async function adapter(tree: Tree, { name: asked, description }: AdapterOptions): Promise<() => void> {
  const { adapterFiles, adapterName } = await fromSources(() => import('@hms-sync/create-adapter'));
  const { id } = adapterName(asked);
  const name = { id, packageName: `@hms-sync/adapter-${id}`, folder: `packages/adapter-${id}` };
  if (tree.exists(name.folder)) throw new Error(`${name.folder} is there already: choose another name`);
  const files = await adapterFiles({
    name,
    description: description ?? `Delivers HMS events to the ${id} system`,
    kind: 'workspace',
  });
  for (const [path, text] of files) tree.write(`${name.folder}/${path}`, text);
  return () => {
    console.log(
      [
        '',
        `Next: npm install && npm run lock, to link ${name.packageName};`,
        `then npm test -- --project ${name.packageName}, then its adapter.ts, mapping.ts, verify.json and README.md.`,
      ].join('\n'),
    );
  };
}

/** Imports workspace packages from their sources: nx runs without the condition that the workspace's own programs have. */
async function fromSources<Module>(load: () => Promise<Module>): Promise<Module> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: ['@hms-sync/source', ...(context.conditions ?? [])] }),
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
