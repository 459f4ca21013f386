"""hms.adapter.v1.AdapterService over the adapter: messages in and out, nothing else."""
import json
import time
from typing import Optional

import grpc
from hms.adapter.v1 import adapter_service_pb2 as pb
from hms.adapter.v1.adapter_service_pb2_grpc import AdapterServiceServicer

from . import ID, VERSION
from .adapter import LabSystem
from .attempts import CONCURRENCY, Attempts
from .config import SCHEMA, read_config
from .deliver import DeliverCall

#: Less than a hub waits for the answer.
CHECK_S = 8.0
#: A hub that asks to drain without saying for how long waits as long as it would for an attempt.
DRAIN_S = 10.0


class AdapterService(AdapterServiceServicer):
    def __init__(self):
        self._attempts = Attempts()
        #: None until a configuration was taken. What runs goes on with the one that it began with.
        self._system: Optional[LabSystem] = None

    def Describe(self, request, context):
        return pb.DescribeResponse(
            id=ID,
            version=VERSION,
            protocols=[1],
            capabilities=["check"],
            config_schema_json=json.dumps(SCHEMA),
            delivery=pb.DeliverySettings(concurrency=CONCURRENCY),
        )

    def Configure(self, request, context):
        config, wrong = read_config(request.config_json)
        if config is not None:
            self._system = LabSystem(config)
            # Else a service that was drained once, as by hms-adapter verify, would refuse every event until it ends.
            self._attempts.resume()
        return pb.ConfigureResponse(diagnostics=[pb.Diagnostic(path=path, message=message) for path, message in wrong])

    def Check(self, request, context):
        system = self._configured(context)
        return pb.CheckResponse(results=system.check(system.exchange(time.monotonic() + CHECK_S)))

    def Deliver(self, request_iterator, context):
        call = DeliverCall(self._configured(context), self._attempts)
        # Called however the stream ends; after a good end nothing runs that could be stopped.
        if context.add_callback(call.abandon):
            yield from call.answers(request_iterator)

    def Drain(self, request, context):
        timeout_s = request.timeout.ToMilliseconds() / 1000 if request.HasField("timeout") else DRAIN_S
        return pb.DrainResponse(unfinished=self._attempts.drain(timeout_s))

    def _configured(self, context) -> LabSystem:
        if self._system is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Configure the adapter first")
        return self._system
