"""The adapter itself: what is asked of the lab system for each event, and whether it can be asked at all."""
from typing import Dict, List

from hms.adapter.v1 import adapter_service_pb2 as pb

from .config import Config
from .exchange import Exchange
from .mapping import PATH, change_body
from .outcome import Failure, must_be_taken


class LabSystem:
    """The lab system as one configuration reaches it."""

    def __init__(self, config: Config):
        self._config = config

    def exchange(self, deadline: float) -> Exchange:
        """To be given to push() or check(); stop() breaks it off. deadline: by time.monotonic()."""
        return Exchange(self._config.base_url, deadline)

    def push(self, delivery: pb.DeliveryAttempt, exchange: Exchange) -> bytes:
        """Sends an event to the lab and returns its receipt. Raises Failure."""
        headers = {
            **self._headers(),
            "content-type": "application/json",
            # The same for every attempt: the lab drops what it has seen.
            "idempotency-key": delivery.idempotency_key,
        }
        traceparent = delivery.event.attributes.get("traceparent")
        if traceparent:
            headers["traceparent"] = traceparent
        answer = exchange.run("POST", PATH, headers, change_body(delivery.event))
        must_be_taken(answer.status, answer.retry_after)
        return answer.body

    def check(self, exchange: Exchange) -> List[pb.CheckResult]:
        """Whether the lab is there and lets us in. Changes nothing there. Never raises Failure."""
        try:
            status = exchange.run("HEAD", "", self._headers()).status
        except Failure as failure:
            return [pb.CheckResult(name="reach", ok=False, message=failure.message)]
        seen = f"the lab answers HTTP {status}"
        refused = status in (401, 403)
        return [
            pb.CheckResult(name="reach", ok=status < 500, message=seen),
            pb.CheckResult(name="credentials", ok=not refused, message=f"{seen}: replace the token" if refused else seen),
        ]

    def _headers(self) -> Dict[str, str]:
        token = self._config.token
        return {"user-agent": "lab-python"} | ({"authorization": f"Bearer {token}"} if token else {})
