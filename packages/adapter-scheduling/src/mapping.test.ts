import { describeSyncRequest } from '@hms-sync/adapter-sdk/testing';
import { syncRequest } from './mapping.ts';

describeSyncRequest({ syncRequest, path: '/api/hms-update' });
