"""What an attempt came to: the six outcomes of the contract, and what an HTTP answer means."""
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Optional

from hms.adapter.v1 import adapter_service_pb2 as pb

RECEIPT_MAX_BYTES = 1024
#: For a system that asks for less and does not say for how long.
THROTTLE_MS = 5_000
#: Nobody is waited for longer than an hour.
WAIT_MAX_MS = 3_600_000
#: 4xx that say nothing about the event: of the account, a proxy, the connection, or what passes.
RETRIED = {402, 407, 408, 412, 417, 421, 423, 424, 425}


class Failure(Exception):
    """An attempt that did not deliver. Its message is for people: no payload, no secret, no body."""

    def __init__(self, kind: int, code: str, message: str, retry_after_ms: Optional[int] = None):
        super().__init__(message)
        self.kind, self.code, self.message, self.retry_after_ms = kind, code, message, retry_after_ms

    @classmethod
    def retryable(cls, code: str, message: str) -> "Failure":
        return cls(pb.OUTCOME_KIND_RETRYABLE, code, message)

    @classmethod
    def permanent(cls, code: str, message: str) -> "Failure":
        return cls(pb.OUTCOME_KIND_PERMANENT, code, message)


def delivered(ref: int, receipt: bytes) -> pb.Outcome:
    """The receipt is cut to what the contract takes, at a whole character."""
    return pb.Outcome(
        ref=ref, kind=pb.OUTCOME_KIND_DELIVERED, receipt=receipt[:RECEIPT_MAX_BYTES].decode(errors="ignore")
    )


def failed(ref: int, failure: Failure) -> pb.Outcome:
    outcome = pb.Outcome(ref=ref, kind=failure.kind, code=failure.code, message=failure.message)
    if failure.retry_after_ms is not None:
        outcome.retry_after.FromMilliseconds(failure.retry_after_ms)
    return outcome


def must_be_taken(status: int, retry_after: Optional[str]) -> None:
    """Returns for 2xx. Raises the Failure that any other answer means."""
    if 200 <= status < 300:
        return
    code, seen = f"HTTP_{status}", f"the lab answered HTTP {status}{_phrase(status)}"
    if 300 <= status < 400 or status == 426:
        # A write is never sent on, with its credentials, to wherever an answer points.
        raise Failure(pb.OUTCOME_KIND_MISCONFIGURED, code, f"{seen}; redirects are not followed: correct baseUrl")
    wait_ms = _retry_after_ms(retry_after)
    if status == 429 or (status in (403, 408, 503) and wait_ms is not None):
        raise Failure(pb.OUTCOME_KIND_THROTTLED, code, seen, THROTTLE_MS if wait_ms is None else wait_ms)
    if status in (401, 403):
        raise Failure(pb.OUTCOME_KIND_UNAUTHORIZED, code, f"{seen}: replace the token")
    if not 400 <= status < 500 or status in RETRIED or wait_ms is not None:
        raise Failure(pb.OUTCOME_KIND_RETRYABLE, code, seen, wait_ms)
    raise Failure.permanent(code, f"{seen}: the event was rejected")


def _retry_after_ms(header: Optional[str]) -> Optional[int]:
    """Seconds or an HTTP date, as milliseconds from now. None for what asks for no wait: 0, or a time that has passed."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        # More digits than an hour has would be a number that no message holds.
        wait_ms = int(text[:9]) * 1000
    else:
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
        # An HTTP date is UTC, whether it says so or not.
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        wait_ms = int((at - datetime.now(timezone.utc)).total_seconds() * 1000)
    return min(wait_ms, WAIT_MAX_MS) if wait_ms > 0 else None


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
