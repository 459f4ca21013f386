/**
 * Gives dependency-cruiser the TypeScript that it can read imports with: version 6 of this folder, the last one with a
 * JavaScript API. The workspace's own TypeScript, which it would find by itself, is version 7 and has none yet.
 */
import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const { resolve: resolveHere } = createRequire(import.meta.url);

registerHooks({
  resolve(specifier, context, nextResolve) {
    const wanted =
      /^typescript($|\/)/.test(specifier) && context.parentURL?.includes('/node_modules/dependency-cruiser/');
    return wanted
      ? { url: pathToFileURL(resolveHere(specifier)).href, shortCircuit: true }
      : nextResolve(specifier, context);
  },
});
