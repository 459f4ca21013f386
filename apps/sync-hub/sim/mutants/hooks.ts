/**
 * Loaded before everything else (`node --import`), it puts the mutant that HMS_SIM_MUTANT names by its number into the
 * hub as that is loaded: the module is replaced by one that exports the same, one export of it wrapped.
 */
import { registerHooks } from 'node:module';
import { EVERY_MUTANT } from './every-mutant.ts';

const number = Number(process.env.HMS_SIM_MUTANT);
const mutant = EVERY_MUTANT[number];
if (mutant === undefined) throw new Error(`HMS_SIM_MUTANT=${process.env.HMS_SIM_MUTANT} names no mutant`);
const { href } = new URL(`../../src/${mutant.module}.ts`, import.meta.url);
let isLoaded = false;

registerHooks({
  load(url, context, nextLoad) {
    if (url !== href) return nextLoad(url, context);
    isLoaded = true;
    const original = JSON.stringify(`${href}?original`);
    const mutants = JSON.stringify(new URL('./every-mutant.ts', import.meta.url).href);
    const source = `
      export * from ${original};
      import * as original from ${original};
      import { EVERY_MUTANT } from ${mutants};
      export const ${mutant.export} = EVERY_MUTANT[${number}].wrap(original.${mutant.export});`;
    return { format: 'module', shortCircuit: true, source };
  },
});

process.on('exit', () => {
  if (!isLoaded) process.exitCode = 3;
});
