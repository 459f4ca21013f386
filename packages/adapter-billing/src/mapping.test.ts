import { describeSyncRequest } from '@hms-sync/adapter-sdk/testing';
import { syncRequest } from './mapping.ts';

describeSyncRequest({ syncRequest, path: '/billing-sync' });
