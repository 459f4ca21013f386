"""Every attempt that runs, over all streams: what Drain waits for."""
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

#: Attempts at a time, as in Describe: each has a thread and a connection.
CONCURRENCY = 16


class Attempts:
    def __init__(self):
        self._workers = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="attempt")
        self._settled = threading.Condition()
        self._count = 0
        self._draining = False

    def begin(self, work: Callable[[], None]) -> bool:
        """Runs work on a thread of its own, later when all are busy. False: nothing new is taken any more."""
        with self._settled:
            if self._draining:
                return False
            self._count += 1
        self._workers.submit(self._run, work)
        return True

    def resume(self) -> None:
        """Ends a drain: a hub has configured the adapter again, and sends what it has to deliver."""
        with self._settled:
            self._draining = False

    def drain(self, timeout_s: float) -> int:
        """Takes nothing new from now on, and waits for what runs. Returns how many are left after the time."""
        ends = time.monotonic() + timeout_s
        with self._settled:
            self._draining = True
            while self._count > 0 and time.monotonic() < ends:
                self._settled.wait(ends - time.monotonic())
            return self._count

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._settled:
                self._count -= 1
                self._settled.notify_all()
