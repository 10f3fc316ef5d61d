"""What tests may allow themselves: to see values, and to speak plain http to a container."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator
from contextlib import contextmanager

from caibo import _tests_only


@contextmanager
def plain_http(*hosts: str) -> Generator[None, None, None]:
    """Let clients speak plain http to these hosts while this context is entered.

    For a fake gateway in a network of containers, where its address is not a
    loopback one.  Everybody on the way can read and change what is sent, so a client
    needs a test key for it, as a string: anything else is a `ConfigurationError`,
    when the client is made and at each call.  The leave is the whole process's, and
    ends with the context, also for the clients that were made inside.

    Args:
        hosts: names or addresses, without scheme and port.

    Raises:
        ValueError: no host, or what is not one.

    Example:
        >>> import caibo
        >>> from caibo.testing import plain_http
        >>> with plain_http("gateway"):
        ...     caibo.Caibo(api_key="caibo_test_sk_0123", base_url="http://gateway:8080")
        Caibo('http://gateway:8080', mode='test')
    """
    allowed = [_host(host) for host in hosts]
    if not allowed:
        raise ValueError("name the hosts: plain_http('gateway')")
    _tests_only.plain_http.extend(allowed)
    try:
        yield
    finally:
        for host in allowed:
            _tests_only.plain_http.remove(host)


@contextmanager
def unmasked() -> Generator[None, None, None]:
    """Show values in the `repr` of customers, documents and changes while this context is entered.

    For assertions that fail: pytest shows what differs.  Messages of errors, logs and
    pickles stay masked, and credentials everywhere.  Calls of clients need a test key
    for as long, as a string: anything else is a `ConfigurationError`.  What was read
    before is shown as well, whoever read it.  The leave is the whole process's.

    Example:
        >>> import caibo
        >>> from caibo.testing import unmasked
        >>> with unmasked():
        ...     caibo.Customer({"id": 7, "name": "Jo Li"})
        Customer({'id': 7, 'name': 'Jo Li'})
    """
    leave = object()
    _tests_only.unmasked.append(leave)
    try:
        yield
    finally:
        _tests_only.unmasked.remove(leave)


def _host(text: str) -> str:
    host = text.lower().removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[0-9a-z._-]+", host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            message = f"name the host alone, without scheme and port, not {text!r}"
            raise ValueError(message) from None
    return host
