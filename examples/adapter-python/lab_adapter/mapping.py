"""The request to the lab for an event."""
import base64
import json

from hms.adapter.v1.adapter_service_pb2 import Event

from .outcome import Failure

PATH = "/changes"


def change_body(event: Event) -> bytes:
    """``{"type", "payload", "id", "source", "key", "time"}``. JSON goes on byte for byte, once it is known to be JSON:
    numbers that are too large for a double arrive as they were published.

    Raises Failure (permanent) when the data should be JSON and is not.
    """
    head = f'{{"type":{json.dumps(event.type)},"payload":'.encode()
    more = {} if _is_json(event) else {"payloadEncoding": "base64", "payloadContentType": event.data_content_type}
    more |= {"id": event.id, "source": event.source, "key": event.key, "time": event.time.ToJsonString()}
    return head + _payload(event) + b"," + json.dumps(more).encode()[1:]


def _payload(event: Event) -> bytes:
    if not event.data:
        return b"null"
    if not _is_json(event):
        return b'"' + base64.b64encode(event.data) + b'"'
    try:
        json.loads(event.data.decode(), parse_constant=_refuse)
    except ValueError:
        # Not quoted, and not chained: what it says of the place quotes the payload.
        raise Failure.permanent("INVALID_EVENT", "the data should be JSON by its content type, and is not") from None
    return event.data


def _is_json(event: Event) -> bool:
    media = (event.data_content_type or "application/json").split(";")[0].strip().lower()
    return not event.data or media == "application/json" or media.endswith("+json")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
