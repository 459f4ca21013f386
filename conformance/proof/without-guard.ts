/**
 * Loaded before a hub (`node --import`), it takes the guard out that HMS_PROOF_WITHOUT names: the module that has it is
 * replaced by one that exports the same, one export of it changed.
 */
import { registerHooks } from 'node:module';

interface Change {
  /** In the hub's src. */
  readonly module: string;
  readonly export: string;
  /** An expression: `original` is the export as it was. */
  readonly becomes: string;
}

const CHANGES: Readonly<Record<string, Change>> = {
  deadline: {
    module: 'core/ownership.ts',
    export: 'step',
    becomes: `(state, input) => {
      const effects = original(state, input);
      if (!state.isHolding) state.trustedUntilMs = Number.POSITIVE_INFINITY;
      return effects;
    }`,
  },
  patience: { module: 'core/ownership-state.ts', export: 'patienceMs', becomes: '() => 3_000' },
};

const change = CHANGES[process.env.HMS_PROOF_WITHOUT ?? ''];
if (change === undefined) throw new Error(`HMS_PROOF_WITHOUT=${process.env.HMS_PROOF_WITHOUT} names no guard`);
const { href } = new URL(change.module, import.meta.resolve('@hms-sync/sync-hub/main'));

registerHooks({
  load(url, context, nextLoad) {
    if (url !== href) return nextLoad(url, context);
    const source = `
      export * from '${href}?original';
      import { ${change.export} as original } from '${href}?original';
      export const ${change.export} = ${change.becomes};`;
    return { format: 'module', shortCircuit: true, source };
  },
});
