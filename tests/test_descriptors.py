"""No file descriptor is left: a call fails as one of our errors, and says something."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from scripted import ID

from caibo.testing import FakeCaibo

pytest.importorskip("resource", reason="Windows has no limit of descriptors")

# What was loaded before would hide what is missing, so each runs in a process of its own.
PROGRAM = r"""
import json, os, resource, sys, traceback
{imports}
import caibo

is_async = {backend!r} != "sync"
kind = caibo.AsyncCaibo if is_async else caibo.Caibo
options = json.loads({options!r})
client = kind(max_retries=0, **options)
others = dict(
    login=kind(auth=caibo.Login("e@example.com", "p"), base_url=options["base_url"], max_retries=0),
    asked=kind(api_key=lambda: "k", base_url=options["base_url"], max_retries=0),
)

def use_up():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            os.open(os.devnull, 0)
    except OSError:
        pass

async def awaited(found):
    return await found if hasattr(found, "__await__") else found

async def edit(client):
    if is_async:
        async with client.customers.edit({id}) as draft:
            draft.phone = None
    else:
        with client.customers.edit({id}) as draft:
            draft.phone = None

def api(client):
    http = client.api.get_async_httpx_client() if is_async else client.api.get_httpx_client()
    return http.get("/customers/{id}")

DO = {{
    "get": lambda: client.customers.get({id}),
    "update": lambda: client.customers.update({id}, phone="+12025550100"),
    "refused": lambda: client.customers.update({id}, email="none", nickname="x"),
    "plan": lambda: client.customers.plan({id}, phone="+12025550101"),
    "replace": lambda: client.customers.replace({id}, {{"name": "N", "email": "n@example.com"}}),
    "edit": lambda: edit(client),
    "api": lambda: api(client),
    "copy": lambda: client.with_options(timeout=1).customers.get({id}),
    "login": lambda: others["login"].customers.get({id}),
    "asked": lambda: others["asked"].customers.get({id}),
}}

async def main():
    if {connected!r}:
        await awaited(client.customers.get({id}))
    use_up()
    told = {{}}
    for name, do in DO.items():
        try:
            found = await awaited(do())
            told[name] = ["", str(found), repr(found)]
            print(found, file=sys.stderr)
        except caibo.CaiboError as error:
            told[name] = [type(error).__name__, str(error), repr(error)]
            traceback.format_exception(error)
        except BaseException as error:
            told[name] = [f"not ours: {{error!r}}", "", ""]
    print(json.dumps(told))

{run}
"""
RUN = {
    "sync": ("", "try:\n    main().send(None)\nexcept StopIteration:\n    pass"),
    "asyncio": ("import asyncio", "asyncio.run(main())"),
    "trio": ("import trio", "trio.run(main)"),
}


def run(backend: str, *, connected: bool = False, **options: Any) -> dict[str, list[str]]:
    """Return, for each call, the kind of its error, and what is printed of its outcome."""
    imports, run = RUN[backend]
    id = options.pop("id", ID)
    program = PROGRAM.format(
        imports=imports,
        run=run,
        backend=backend,
        connected=connected,
        options=json.dumps(options),
        id=id,
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("backend", RUN)
class TestNoneLeft:
    @pytest.mark.parametrize(
        "base_url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "https://localhost:9"]
    )
    def test_every_failure_is_one_of_ours(self, backend: str, base_url: str) -> None:
        """With nothing loaded before but what the client loads when it is made."""
        told = run(backend, base_url=base_url, api_key="k")

        kinds = {name: kind for name, (kind, *_) in told.items()}
        assert kinds == {
            **dict.fromkeys(kinds, "TransportError"),
            "refused": "InvalidChangesError",
            "login": "RenewalError",
        }
        assert all("nothing was sent" in said for _, said, _ in told.values())
        assert not [said for _, said, _ in told.values() if ".py" in said]

    def test_what_is_connected_goes_on(self, backend: str, fake: FakeCaibo) -> None:
        """And what comes of it can be printed."""
        with fake.serve() as server:
            told = run(
                backend,
                connected=True,
                base_url=server.base_url,
                api_key=fake.api_key,
                id=fake.add_customer(),
            )

        kinds = {name: kind for name, (kind, *_) in told.items()}
        assert kinds == {
            **dict.fromkeys(kinds, ""),
            "refused": "InvalidChangesError",
            "login": "RenewalError",
            "asked": "TransportError",
        }
