"""Where it is served, and to whom: TLS, client certificates, a token."""
import hmac
import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional, Tuple

import grpc
from health.v1.health_pb2_grpc import add_HealthServicer_to_server
from hms.adapter.v1.adapter_service_pb2_grpc import add_AdapterServiceServicer_to_server

from .health import Health
from .service import AdapterService

#: A Deliver stream and a watch of health hold one each; a hub has one of the two, and calls besides.
CALLS_MAX = 64
#: All deliveries that there is credit for may come as one message, each of 256 KiB and what goes with it.
RECEIVE_MAX_BYTES = 64 * 1024 * 1024


class Tls(NamedTuple):
    """Everything in PEM."""

    cert: bytes
    key: bytes
    #: With it, callers need a certificate that this authority signed (mTLS).
    client_ca: Optional[bytes]


def serve(address: str, tls: Optional[Tls], token: Optional[str]) -> Tuple[grpc.Server, str]:
    """Starts it and returns it with the address that it is bound to. Port 0 is any that is free.

    Raises ValueError for plain text beyond loopback, RuntimeError when the address is taken.
    """
    server = grpc.server(
        ThreadPoolExecutor(CALLS_MAX, thread_name_prefix="call"),
        interceptors=() if token is None else (RequireToken(token),),
        # Two servers on one port would answer in turns; by default grpcio lets that happen.
        options=(("grpc.max_receive_message_length", RECEIVE_MAX_BYTES), ("grpc.so_reuseport", 0)),
    )
    add_AdapterServiceServicer_to_server(AdapterService(), server)
    add_HealthServicer_to_server(Health(), server)
    host = address.rpartition(":")[0]
    if tls is not None:
        credentials = grpc.ssl_server_credentials([(tls.key, tls.cert)], tls.client_ca, tls.client_ca is not None)
        port = server.add_secure_port(address, credentials)
    elif re.fullmatch(r"localhost|127(\.\d+){3}|\[::1\]", host):
        port = server.add_insecure_port(address)
    else:
        raise ValueError(f"without TLS only loopback is served, and {host or address} is not: give --tls-cert and --tls-key")
    if port == 0:
        raise RuntimeError(f"cannot listen on {address}")
    server.start()
    return server, f"{host}:{port}"


class RequireToken(grpc.ServerInterceptor):
    """Refuses every call that does not carry ``authorization: Bearer <token>``."""

    def __init__(self, token: str):
        self._expected = f"Bearer {token}".encode()

        def refuse(request_or_iterator, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "send the token of this adapter")

        self._refusals = {
            (False, False): grpc.unary_unary_rpc_method_handler(refuse),
            (False, True): grpc.unary_stream_rpc_method_handler(refuse),
            (True, True): grpc.stream_stream_rpc_method_handler(refuse),
        }

    def intercept_service(self, continuation, handler_call_details):
        given = dict(handler_call_details.invocation_metadata).get("authorization", "")
        handler = continuation(handler_call_details)
        if handler is None or hmac.compare_digest(given.encode(), self._expected):
            return handler
        # A refusal has to have the form of what it stands for.
        return self._refusals[(handler.request_streaming, handler.response_streaming)]
