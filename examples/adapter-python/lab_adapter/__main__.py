"""python3 -m lab_adapter: serves the adapter until SIGTERM or SIGINT."""
import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from .server import Tls, serve

#: What runs gets so long when this is stopped.
GRACE_S = 10
#: Read from the environment, because a command line is there for everybody to see.
TOKEN_VARIABLE = "LAB_ADAPTER_TOKEN"


def main() -> int:
    flags = _flags()
    if (flags.tls_cert is None) != (flags.tls_key is None):
        return _refuse("--tls-cert and --tls-key belong together")
    if flags.client_ca and not flags.tls_cert:
        return _refuse("--client-ca goes with --tls-cert and --tls-key")
    try:
        tls = flags.tls_cert and Tls(
            flags.tls_cert.read_bytes(), flags.tls_key.read_bytes(), flags.client_ca and flags.client_ca.read_bytes()
        )
        server, address = serve(flags.listen, tls, os.environ.get(TOKEN_VARIABLE) or None)
    except (OSError, ValueError, RuntimeError) as error:
        return _refuse(str(error))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    print(json.dumps({"ready": True, "address": address}), flush=True)
    stop.wait()
    server.stop(GRACE_S).wait()
    return 0


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser("lab_adapter", epilog=f"Callers must send the token in {TOKEN_VARIABLE}, if any.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="host:port; port 0: any (default: %(default)s)")
    parser.add_argument("--tls-cert", type=Path, help="PEM; without it only loopback is served")
    parser.add_argument("--tls-key", type=Path, help="PEM")
    parser.add_argument("--client-ca", type=Path, help="PEM; callers need a certificate that it signed")
    return parser.parse_args()


def _refuse(message: str) -> int:
    print(f"lab_adapter: {message}", file=sys.stderr)
    return 2


sys.exit(main())
