import { describeHttpAdapter } from '@hms-sync/adapter-sdk/testing';
import definition from './adapter.ts';

describeHttpAdapter({ definition, id: 'records', path: '/records-sync', eventType: 'ProcessUpdated' });
