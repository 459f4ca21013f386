"""One HTTP request and its answer, which another thread can break off."""
import http.client
import socket
import threading
import time
from typing import Dict, NamedTuple, Optional
from urllib.parse import SplitResult

from .outcome import Failure

#: More of an answer is of no use to a receipt of 1 KiB.
BODY_MAX_BYTES = 64 * 1024
CHUNK_BYTES = 16 * 1024


class Answer(NamedTuple):
    status: int
    retry_after: Optional[str]
    #: Its first 64 KiB; what came after them is thrown away.
    body: bytes


class Exchange:
    """On a connection of its own, so that what happens to one delivery happens to no other."""

    def __init__(self, base_url: SplitResult, deadline: float):
        """deadline: by time.monotonic(), for all of it together."""
        self._base_url, self._deadline = base_url, deadline
        self._stopped = threading.Event()
        self._connection: Optional[http.client.HTTPConnection] = None

    def stop(self) -> None:
        """Breaks it off from any thread: run() raises a Failure at once, or as soon as it has connected."""
        self._stopped.set()
        self._cut()

    def run(self, method: str, path: str, headers: Dict[str, str], body: Optional[bytes] = None) -> Answer:
        """Raises Failure (retryable) when no whole answer came: whether it took effect is unknown."""
        kind = http.client.HTTPSConnection if self._base_url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._base_url.hostname, self._base_url.port, timeout=self._left())
        try:
            connection.connect()
            self._connection = connection
            if self._stopped.is_set():
                raise self._why()
            connection.request(method, self._base_url.path.rstrip("/") + path or "/", body, headers)
            connection.sock.settimeout(self._left())
            response = connection.getresponse()
            return Answer(response.status, response.getheader("retry-after"), self._read(connection, response))
        except (OSError, http.client.HTTPException) as error:
            # The class alone: texts of these may quote what was sent.
            raise self._why(error) from None
        finally:
            connection.close()

    def _read(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> bytes:
        body = b""
        while len(body) < BODY_MAX_BYTES:
            # A system that answers drop by drop keeps no deadline waiting. Without a socket all of it is here.
            if connection.sock is not None:
                connection.sock.settimeout(self._left())
            chunk = response.read1(CHUNK_BYTES)
            if not chunk:
                break
            body += chunk
        return body[:BODY_MAX_BYTES]

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._why()
        return left

    def _cut(self) -> None:
        sock = self._connection.sock if self._connection else None
        if sock is None:
            return
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It has ended by itself, which is as good.
            pass

    def _why(self, error: Optional[Exception] = None) -> Failure:
        if self._stopped.is_set():
            return Failure.retryable("ABORTED", "the attempt was broken off; whether it took effect is unknown")
        if error is None or isinstance(error, TimeoutError):
            return Failure.retryable("TIMEOUT", "the lab did not answer in time; whether it took effect is unknown")
        return Failure.retryable(type(error).__name__[:64], "the connection to the lab failed")
