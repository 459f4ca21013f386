import { create } from '@bufbuild/protobuf';
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  type HealthListRequest,
  type HealthListResponse,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '@hms-sync/proto/health/v1/health';

/** The names that a probe can ask for; "" is the whole process. */
const SERVICES = ['', 'hms.adapter.v1.AdapterService'];

/**
 * grpc.health.v1.Health of an adapter process: SERVING while it responds. It does not depend on the external system, so that
 * a probe never restarts the process because of an outage; Check and outcomes report those.
 */
export function createHealthService(): UntypedServiceImplementation {
  const serving = create(HealthCheckResponseSchema, { status: ServingStatus.SERVING });
  const unknown = create(HealthCheckResponseSchema, { status: ServingStatus.SERVICE_UNKNOWN });
  return {
    Check(
      { request }: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>,
      answer: sendUnaryData<HealthCheckResponse>,
    ) {
      if (SERVICES.includes(request.service)) answer(null, serving);
      else answer({ code: status.NOT_FOUND, details: `unknown service "${request.service}"` });
    },
    List(_call: ServerUnaryCall<HealthListRequest, HealthListResponse>, answer: sendUnaryData<HealthListResponse>) {
      const statuses = Object.fromEntries(SERVICES.map((service) => [service, serving]));
      answer(null, create(HealthListResponseSchema, { statuses }));
    },
    Watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) {
      // The status never changes; the stream ends with the process.
      call.write(SERVICES.includes(call.request.service) ? serving : unknown);
    },
  };
}
