import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { describeRuntime } from '../runtime.suite.ts';
import { createProcessRuntime } from './process-runtime.ts';

const silent: AdapterLog = { debug() {}, info() {}, warn() {}, error() {} };

describeRuntime('process runtime', (needs) => createProcessRuntime({ ...needs, log: silent, hubVersion: '0.0.0' }));
