"""Run the fake gateway on this machine: ``python -m caibo.testing``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from socket import gethostname
from threading import Event

from caibo.testing._arguments import parsed
from caibo.testing._gateway import FakeCaibo, FakeServer

_HERE = "listens on this machine only"
_OPEN = "is open to whoever reaches {host}, port {port}"
_WELCOME = """\
The fake Caibo gateway {where}, and keeps nothing. Ctrl-C ends it.

  base URL  {base_url}
  API key   {key}
  customer  {id}{more}

Read the customer:

  curl -i -H 'X-API-Key: {key}' {base_url}/customers/{id}

Replace it, which clears every optional field that is left out:

  curl -i -X PUT -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \
-d '{{"name":"Ada Example","email":"new@example.com"}}' {base_url}/customers/{id}
{find}
Change one field and keep the others:

import caibo{also}

key = "{key}"
with {leave}caibo.Caibo(api_key=key, base_url="{base_url}") as client:
    print(client.customers.update({id}, email="new@example.com").changes)
"""
_FIND = """
Let `caibo.Caibo()` and the command `caibo` find it:

  export CAIBO_API_KEY={key} CAIBO_BASE_URL={base_url}
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
    options = parsed(arguments)
    gateway = FakeCaibo(seed=options.seed)
    ids = [gateway.add_document(document) for document in options.customers or ()]
    ids = ids or [gateway.add_customer()]
    for plant in options.fault:
        plant(gateway)
    host, port, is_open = options.host, options.port, options.open_to_the_network
    try:
        with gateway.serve(host, port, open_to_the_network=is_open) as server:
            print(_welcome(server, ids, is_open=is_open), flush=True)
            wait()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        reason = f"{error.strerror}; --port 0 takes a free port"
        print(f"caibo.testing: cannot listen on {host}, port {port}: {reason}", file=sys.stderr)
        return 1
    return 0


def _welcome(server: FakeServer, ids: Sequence[int], *, is_open: bool) -> str:
    base_url = server.base_url
    also = leave = ""
    where, find = _HERE, _FIND.format(key=server.gateway.api_key, base_url=base_url)
    if is_open:
        name = gethostname() if server.host in ("", "0.0.0.0", "::") else server.host
        base_url = replace(server, host=name).base_url
        # A client speaks plain http to such a host inside `plain_http` only.
        where, find = _OPEN.format(host=server.host, port=server.port), ""
        also, leave = "\nfrom caibo.testing import plain_http", f'plain_http("{name}"), '
    return _WELCOME.format(
        where=where,
        find=find,
        base_url=base_url,
        key=server.gateway.api_key,
        id=ids[0],
        more=f", and {len(ids) - 1} more" if len(ids) > 1 else "",
        also=also,
        leave=leave,
    )


if __name__ == "__main__":
    sys.exit(main())
