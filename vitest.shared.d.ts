/** The export condition under which workspace packages resolve to their TypeScript sources instead of dist. */
export declare const sourceCondition = "@hms-sync/source";
/**
 * What every project's vitest.config.ts is: tests beside their files, sources of sibling packages, a report that
 * tools/summarize-tests.ts adds up.
 */
declare const _default: import("vite").UserConfig;
export default _default;
