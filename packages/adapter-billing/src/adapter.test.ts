import { describeHttpAdapter } from '@hms-sync/adapter-sdk/testing';
import definition from './adapter.ts';

describeHttpAdapter({ definition, id: 'billing', path: '/billing-sync', eventType: 'PolicyUpdated' });
