"""Send with aiohttp instead of httpcore: copy this file; needs httpx-aiohttp and aiohttp 3.12.

    client = caibo.AsyncCaibo(transport=OverAiohttp())

`AiohttpTransport()` as it comes must not carry a write: aiohttp sends a PUT whose
answer was lost once more by itself, and httpx-aiohttp calls every lost connection a
`ConnectTimeout`, which says that nothing was sent.  See `docs/transports.md`.
"""

from __future__ import annotations

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


class OverAiohttp(AiohttpTransport):
    """A `transport=` for `AsyncCaibo` under asyncio.

    Args:
        max_connections: how many at once; a request waits for one no longer than
            the client's `timeout`.
    """

    def __init__(self, *, max_connections: int = 100) -> None:
        tls = httpx.create_ssl_context()

        def session() -> aiohttp.ClientSession:  # it belongs to the loop of the first request
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=max_connections, ssl=tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_once,),
            )

        super().__init__(client=session, verify=tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and tell a connection that was never made from one that took too long."""
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectTimeout as error:
            refused = isinstance(error.__cause__, aiohttp.ClientConnectorError)
            told = httpx.ConnectError if refused else httpx.ConnectTimeout
            raise told(str(error), request=request) from None


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Give a connection that was lost a name that aiohttp sends nothing again for."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise
    except aiohttp.ClientConnectionError as error:
        raise aiohttp.ClientPayloadError("the connection was lost") from error
