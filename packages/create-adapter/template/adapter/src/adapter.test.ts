import { describe, it } from 'node:test';
import { describeAdapter } from '@hms-sync/adapter-sdk/testing';
import definition from './adapter.ts';

// What a hub expects of every adapter, against a system on 127.0.0.1 that fails on demand. verify.json says which
// configuration works, and which events the system takes.
describeAdapter({ describe, it, package: import.meta.url, definition });
