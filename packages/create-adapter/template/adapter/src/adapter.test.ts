import { describe, it } from 'node:test';
import { describeAdapter } from '@hms-sync/adapter-sdk/testing';
import definition from './adapter.ts';

// The conformance tests of every adapter, against a stand-in on 127.0.0.1 that fails on demand. verify.json has its
// configuration and events.
describeAdapter({ describe, it, package: import.meta.url, definition });
