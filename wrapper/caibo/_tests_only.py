"""What tests may allow themselves: `caibo.testing` leads here, no option and no variable does.

Each holds for the whole process, as what is under test has threads and loops of its
own, and for clients with a test key only.
"""

from __future__ import annotations

from caibo._errors import ConfigurationError

#: Hosts beyond this machine that plain http may go to: `caibo.testing.plain_http`.
plain_http: list[str] = []
#: An entry for each `caibo.testing.unmasked` that is entered.
unmasked: list[object] = []


def check(mode: str, plain_host: str | None) -> None:
    """Refuse a client that is for more than tests what only tests may.

    Args:
        mode: of its credential.
        plain_host: beyond this machine, that it speaks plain http to.

    Raises:
        ConfigurationError: it may not.
    """
    if plain_host is not None and plain_host not in plain_http:
        raise ConfigurationError(
            "base_url: plain http would send the credential readable; use https "
            "(http is for loopback only)"
        )
    if plain_host is not None:
        _for_test_keys("base_url: plain http beyond this machine", mode)
    if unmasked:
        _for_test_keys("inside caibo.testing.unmasked(), a client", mode)


def _for_test_keys(what: str, mode: str) -> None:
    if mode != "test":
        raise ConfigurationError(
            f"{what} takes a test key only: api_key= as a string that begins with "
            f"caibo_test_sk_ (the mode of this credential is {mode!r})"
        )
