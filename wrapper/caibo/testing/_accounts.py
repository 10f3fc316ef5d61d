"""Who may ask: the API key, and the access tokens that a login gives out."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from caibo._record.json_text import encode
from caibo.testing._clock import Clock
from caibo.testing._messages import Request


class Accounts:
    """Give out tokens and know credentials; `FakeCaibo` inherits the methods."""

    api_key = "caibo_test_sk_only_the_fake_gateway_takes_this"
    email = "merchant@example.com"
    password = "correct horse battery staple"
    token_lifetime = 3600.0
    logins = 0
    clock: Clock | None = None

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], datetime] = self._now
        self._tokens: dict[str, datetime] = {}
        self._tokens_lock = threading.RLock()

    def issue_token(self) -> str:
        """Return a new access token without a login."""
        with self._tokens_lock:
            claims = encode({"sub": self.email, "jti": len(self._tokens)}).encode()
            parts = (b'{"alg":"none"}', claims, b"fake")
            token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
            self._tokens[token] = self.now() + timedelta(seconds=self.token_lifetime)
            return token

    def expire_tokens(self) -> None:
        """Let every access token given out so far be refused from now on."""
        with self._tokens_lock:
            self._tokens = dict.fromkeys(self._tokens, datetime.min.replace(tzinfo=UTC))

    def _knows(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expires = self._tokens.get(token.strip())
        bearer = scheme.lower() == "bearer" and expires is not None and self.now() < expires
        return bearer or request.headers.get("X-API-Key") == self.api_key

    def _now(self) -> datetime:
        return datetime.now(UTC) if self.clock is None else self.clock.utcnow()
