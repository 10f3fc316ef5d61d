"""Servers that others wrote, made of the packaged contract; nox installs them.

What is imported here only when it is used is not there in the other sessions.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

KEY = "caibo_test_sk_0123456789"
TOKEN = "header.claims.signature"
EMAIL, PASSWORD = "merchant@example.com", "no secret"
# Real ids are larger, but Prism is JavaScript and refuses all above 2^53.
SMALL_ID = 12345
RECORD: Mapping[str, Any] = {
    "id": SMALL_ID,
    "ownerId": 1,
    "userId": None,
    "ownerName": "Example Shop",
    "name": "Ada Example",
    "email": "ada@example.com",
    "address": None,
    "phone": "+12025550143",
    "memberId": "M-1",
    "hasPaymentRequests": True,
    "totalDeposits": 100.25,
    "createDate": "2024-03-05T09:30:12.1234567Z",
    "preferences": {"currency": "EUR", "language": "fr"},
}


def contract() -> dict[str, Any]:
    """Return the packaged contract."""
    document: dict[str, Any] = json.loads(
        files("caibo_api").joinpath("openapi.json").read_text("utf-8")
    )
    return document


@contextmanager
def prism(folder: Path) -> Iterator[str]:
    """Serve the contract with Prism, a validating mock without a memory; give the base URL.

    The one thing added is the record that a read answers with: Prism's own
    would have a random id.
    """
    command = os.environ.get("PRISM")
    if command is None:
        pytest.skip("nox -s prism installs Prism and names it in PRISM")
    served = contract()
    read = served["paths"]["/customers/{id}"]["get"]["responses"]["200"]
    read["content"]["application/json"]["example"] = RECORD
    document = folder / "openapi.json"
    document.write_text(json.dumps(served), "utf-8")
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [command, "mock", "--errors", "--port", "0", str(document)],
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield _address(process, log)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        if found := re.search(r"listening on (\S+)", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"Prism does not start:\n{log.read_text('utf-8')}")


class Handlers:
    """Keep records; each of the contract's operations is a method of its `operationId`.

    Connexion decodes the body, so digits may be lost here: what counts is that it is taken.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.records: dict[int, Any] = {record["id"]: record}

    def get_customer(self, id: int) -> Any:
        return (self.records[id], 200) if id in self.records else _problem(404, "Not Found")

    def replace_customer(self, id: int, body: dict[str, Any]) -> Any:
        if id not in self.records:
            return _problem(404, "Not Found")
        self.records[id] = body
        return "", 200

    def login(self, body: dict[str, Any]) -> Any:
        if (body["email"], body["password"]) != (EMAIL, PASSWORD):
            return _problem(401, "Unauthorized")
        return {"accessToken": TOKEN, "expireDate": "2999-01-01T00:00:00Z"}, 200


def _problem(status: int, title: str) -> Any:
    made: Any = import_module("connexion")
    return made.problem(status, title, "There is no such customer.")


def api_key_info(api_key: str) -> Any:
    """Answer Connexion, who looks this up by its name."""
    return {"sub": "merchant"} if api_key == KEY else None


def token_info(token: str) -> Any:
    """Answer Connexion, who looks this up by its name."""
    return {"sub": "merchant"} if token == TOKEN else None


@contextmanager
def connexion(handlers: Handlers) -> Iterator[str]:
    """Serve the contract with Connexion, which looks at its own answers, too; give the base URL."""
    made: Any = pytest.importorskip("connexion", reason="nox -s connexion installs it")
    uvicorn: Any = pytest.importorskip("uvicorn", reason="nox -s connexion installs it")
    served = contract()
    schemes = served["components"]["securitySchemes"]
    schemes["ApiKey"]["x-apikeyInfoFunc"] = f"{__name__}.api_key_info"
    schemes["Bearer"]["x-bearerInfoFunc"] = f"{__name__}.token_info"
    app = made.AsyncApp("gateway")
    app.add_api(
        served,
        resolver=lambda operation_id: getattr(handlers, operation_id),
        strict_validation=True,
        validate_responses=True,
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
