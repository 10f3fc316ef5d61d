"""Run the fake gateway on this machine: ``python -m caibo.testing``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from threading import Event

from caibo.testing._gateway import FakeCaibo, FakeServer
from caibo.testing._server import loopback

_ABOUT = "Run the fake Caibo gateway on this machine until Ctrl-C."
_WELCOME = """\
The fake Caibo gateway listens on this machine only, and keeps nothing. Ctrl-C ends it.

  base URL  {base_url}
  API key   {key}
  customer  {id}

Read the customer:

  curl -i -H 'X-API-Key: {key}' {base_url}/customers/{id}

Replace it, which clears every optional field that is left out:

  curl -i -X PUT -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"name":"Ada Example","email":"new@example.com"}}' {base_url}/customers/{id}

Change one field and keep the others:

import caibo

key = "{key}"
with caibo.Caibo(api_key=key, base_url="{base_url}") as client:
    print(client.customers.update({id}, email="new@example.com").changes)
"""


def _wait_for_ctrl_c() -> None:
    Event().wait()


def main(
    arguments: Sequence[str] | None = None, wait: Callable[[], object] = _wait_for_ctrl_c
) -> int:
    """Serve a gateway with one sample customer until Ctrl-C, and return the exit status.

    Args:
        arguments: of the command line, without the program's name.
        wait: returns, or is interrupted, when the gateway is to end.
    """
    options = _parser().parse_args(arguments)
    gateway = FakeCaibo()
    id = gateway.add_customer()
    try:
        with gateway.serve(options.host, options.port) as server:
            print(_welcome(server, id), flush=True)
            wait()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        where = f"{options.host}, port {options.port}"
        reason = f"{error.strerror}; --port 0 takes a free port"
        print(f"caibo.testing: cannot listen on {where}: {reason}", file=sys.stderr)
        return 1
    return 0


def _welcome(server: FakeServer, id: int) -> str:
    return _WELCOME.format(base_url=server.base_url, key=server.gateway.api_key, id=id)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m caibo.testing", description=_ABOUT)
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="a loopback address (127.0.0.1)"
    )
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free port (0)")
    return parser


def _host(text: str) -> str:
    try:
        return loopback(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
