"""grpc.health.v1.Health: the process serves while it answers.

Whether the lab is well is reported by Check and by the outcomes, so that a probe never restarts this for the lab's outage.
"""
import threading

import grpc
from health.v1 import health_pb2 as pb
from health.v1.health_pb2_grpc import HealthServicer

SERVICES = ("", "hms.adapter.v1.AdapterService")


class Health(HealthServicer):
    def Check(self, request, context):
        if request.service not in SERVICES:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVING)

    def List(self, request, context):
        serving = pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVING)
        return pb.HealthListResponse(statuses={service: serving for service in SERVICES})

    def Watch(self, request, context):
        known = request.service in SERVICES
        status = pb.HealthCheckResponse.SERVING if known else pb.HealthCheckResponse.SERVICE_UNKNOWN
        yield pb.HealthCheckResponse(status=status)
        # The status never changes; the stream ends with the process or the watcher.
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait()
