"""One Deliver stream: deliveries in, exactly one outcome for each out, flow by credit."""
import queue
import threading
import time
from typing import Dict, Iterable, Iterator, Optional

import grpc
from hms.adapter.v1 import adapter_service_pb2 as pb

from .adapter import LabSystem
from .attempts import CONCURRENCY, Attempts
from .exchange import Exchange
from .outcome import Failure, delivered, failed

#: Enough that the next delivery is here when a thread is free; more would only wait here instead of in the hub.
CREDIT = 4 * CONCURRENCY
#: What the contract says of a delivery without a timeout.
TIMEOUT_S = 10.0


class DeliverCall:
    def __init__(self, system: LabSystem, attempts: Attempts):
        self._system, self._attempts = system, attempts
        #: Outcomes to send; None: the stream is over.
        self._outcomes: "queue.SimpleQueue[Optional[pb.Outcome]]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        #: What runs or waits for a thread, by its ref.
        self._running: Dict[int, Exchange] = {}
        self._caller_done = False

    def answers(self, requests: Iterable[pb.DeliverRequest]) -> Iterator[pb.DeliverResponse]:
        """What is to be sent, as it comes: first credit, then the outcomes of a moment together, with their credit."""
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()
        yield pb.DeliverResponse(credit=CREDIT)
        while True:
            outcomes, over = self._next_outcomes()
            if outcomes:
                yield pb.DeliverResponse(outcomes=outcomes, credit=len(outcomes))
            if over:
                return

    def abandon(self) -> None:
        """Nobody waits any more: stops what runs."""
        with self._lock:
            running = list(self._running.values())
        for exchange in running:
            exchange.stop()
        self._outcomes.put(None)

    def _next_outcomes(self):
        waiting = [self._outcomes.get()]
        while not self._outcomes.empty():
            waiting.append(self._outcomes.get())
        return [outcome for outcome in waiting if outcome is not None], None in waiting

    def _read(self, requests: Iterable[pb.DeliverRequest]) -> None:
        try:
            for request in requests:
                for delivery in request.deliveries:
                    self._begin(delivery)
                for ref in request.aborted:
                    self._stop(ref)
        except grpc.RpcError:
            # The stream broke; abandon() is called for that.
            return
        with self._lock:
            self._caller_done = True
            over = not self._running
        if over:
            self._outcomes.put(None)

    def _begin(self, delivery: pb.DeliveryAttempt) -> None:
        timeout_s = delivery.timeout.ToMilliseconds() / 1000 if delivery.HasField("timeout") else TIMEOUT_S
        exchange = self._system.exchange(time.monotonic() + timeout_s)
        with self._lock:
            self._running[delivery.ref] = exchange
        if not self._attempts.begin(lambda: self._settle(delivery.ref, self._attempt(delivery, exchange))):
            why = Failure.retryable("DRAINING", "the adapter is draining and accepts no new attempts")
            self._settle(delivery.ref, failed(delivery.ref, why))

    def _attempt(self, delivery: pb.DeliveryAttempt, exchange: Exchange) -> pb.Outcome:
        try:
            return delivered(delivery.ref, self._system.push(delivery, exchange))
        except Failure as failure:
            return failed(delivery.ref, failure)
        except Exception as error:  # pylint: disable=broad-except
            # A bug in this adapter: reported as such, without its text, which could quote the payload.
            return failed(delivery.ref, Failure.retryable("UNEXPECTED", f"the adapter threw {type(error).__name__}"))

    def _settle(self, ref: int, outcome: pb.Outcome) -> None:
        with self._lock:
            self._running.pop(ref)
            over = self._caller_done and not self._running
        self._outcomes.put(outcome)
        if over:
            self._outcomes.put(None)

    def _stop(self, ref: int) -> None:
        with self._lock:
            exchange = self._running.get(ref)
        if exchange is not None:
            exchange.stop()
