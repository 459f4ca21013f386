import { create } from '@bufbuild/protobuf';
import { AdapterService } from '@hms-sync/proto/hms/adapter/v1/adapter_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { GetEventRequestSchema, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { grpcServiceDefinition } from './grpc.ts';

describe('a service as @grpc/grpc-js describes it', () => {
  test.each([AdapterService, AdminService, HealthService, SyncService])(
    '$typeName has all of its methods',
    (service) => {
      const paths = Object.values(grpcServiceDefinition(service)).map(({ path }) => path);
      expect(paths).toEqual(service.methods.map(({ name }) => `/${service.typeName}/${name}`));
    },
  );

  test.each([
    ['Publish', false, true],
    ['PublishStream', true, true],
    ['PublishAndWait', false, false],
    ['WatchAcks', false, true],
    ['GetEvent', false, false],
  ])('%s streams its requests: %s, its responses: %s', (name, requestStream, responseStream) => {
    expect(grpcServiceDefinition(SyncService)[name]).toMatchObject({ requestStream, responseStream });
  });

  test('carries messages as the bytes that the contract names', () => {
    const method = grpcServiceDefinition(SyncService).GetEvent;
    const request = create(GetEventRequestSchema, { id: 'e-1' });
    const bytes = method?.requestSerialize(request);
    expect(bytes).toEqual(Buffer.from([0x0a, 3, ...Buffer.from('e-1')]));
    expect(method?.requestDeserialize(bytes ?? Buffer.alloc(0))).toEqual(request);
  });
});
