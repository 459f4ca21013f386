import { describeAdapter } from '@hms-sync/adapter-sdk/testing';
import { describe, it } from 'vitest';
import definition from './adapter.ts';

describeAdapter({ describe, it, package: import.meta.url, definition });
