import { describeHttpAdapter } from '@hms-sync/adapter-sdk/testing';
import definition from './adapter.ts';

describeHttpAdapter({ definition, id: 'scheduling', path: '/api/hms-update', eventType: 'ProcessUpdated' });
