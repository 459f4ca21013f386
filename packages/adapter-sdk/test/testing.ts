/** What tests of adapters beside this package share. Not published. */
export { describeHttpAdapter, type HttpAdapter } from './http-adapter.suite.ts';
export { describeSyncRequest, type SyncRequestMapping } from './sync-request.suite.ts';
