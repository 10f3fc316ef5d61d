"""What many test files need: a fake gateway, a socket to it, and clients on both faces."""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from audit_log import KEY
from faces import Connect, Face
from forked import Apart, Authority, apart
from hypothesis import HealthCheck, find, settings, strategies
from patching import rule_patch_out
from proxying import ENVIRONMENT

import caibo
from caibo.testing import FakeCaibo, FakeServer

# Every example shares one gateway, which only gains a customer, and no test watches the clock.
# The everyday examples are the same each time: what is covered and what fails must not depend on
# luck. `--hypothesis-profile=thorough`, for the nightly run, looks for new ones.
for name, examples in (("caibo", 20), ("thorough", 200)):
    settings.register_profile(
        name,
        deadline=None,
        derandomize=name == "caibo",
        max_examples=examples,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
settings.load_profile("caibo")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", type=int, help="try so many rows of each table, on each face")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave further rows of a table to a session that tries all of them."""
    if not (rows := config.getoption("rows")):
        return
    seen: Counter[tuple[str, object]] = Counter()
    kept, left = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        table = (item.nodeid.partition("[")[0], params.get("connect"))
        seen[table] += 1
        (kept if seen[table] <= rows else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, and not at thousands of tests."""
    # Hypothesis asks it once who has the random numbers, and what is frozen is not told.
    find(strategies.none(), lambda _: True)
    gc.freeze()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable of whoever runs the tests choose a credential, a gateway, or a way to it."""
    for name in ("CAIBO_API_KEY", "CAIBO_ACCESS_TOKEN", "CAIBO_BASE_URL", *ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def put_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try the `PUT` whatever the contract has by now; `patch/` tries the `PATCH`."""
    rule_patch_out(monkeypatch)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause before a retry for no longer than the gateway asks to; `pauses` tells how long."""
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)


@pytest.fixture
def fake() -> FakeCaibo:
    return FakeCaibo()


@pytest.fixture
def server(fake: FakeCaibo) -> Iterator[FakeServer]:
    with fake.serve() as server:
        yield server


@pytest.fixture(params=["sync", "asyncio", "trio"])
def connect(request: pytest.FixtureRequest, fake: FakeCaibo) -> Iterator[Connect]:
    """Give a function that makes a client of the gateway in memory, on each face in turn.

    It takes the options of `Caibo`; `base_url=server.base_url, transport=None`
    goes over the socket instead.
    """
    with ExitStack() as stack:
        portal = (
            None
            if request.param == "sync"
            else stack.enter_context(start_blocking_portal(request.param))
        )

        def connect(**options: Any) -> Face:
            named = {"api_key", "access_token", "auth"} & options.keys()
            credential: Mapping[str, Any] = {} if named else {"api_key": fake.api_key}
            reached = {"base_url": fake.base_url, "transport": fake.transport}
            kind = caibo.Caibo if portal is None else caibo.AsyncCaibo
            face = Face(kind(**{**credential, **reached, **options}), portal)
            stack.callback(face.close)
            return face

        yield connect


@pytest.fixture
def client(connect: Connect) -> Face:
    """Give a client in memory, on each face in turn."""
    return connect()


@pytest.fixture
def wire(connect: Connect, server: FakeServer) -> Face:
    """Give a client over a real socket, on each face in turn."""
    return connect(base_url=server.base_url, transport=None)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def gateway(scheme: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    """Give a gateway in a process of its own, over plain http and over TLS in turn."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with apart(scheme, authority) as gateway:
        yield gateway


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be heard, which a shell has its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def alarm() -> Iterator[None]:
    """Let a timer do what Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pause for no time, and note how long it would have been."""
    noted: list[float] = []

    async def sleep(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr("caibo._wire.clock.sleep", noted.append)
    monkeypatch.setattr("caibo._wire.clock.asleep", sleep)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return noted


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def audit(log: Path) -> caibo.JsonLinesAudit:
    return caibo.JsonLinesAudit(log, key=KEY)


@pytest.fixture
def audited(connect: Connect, audit: caibo.JsonLinesAudit) -> Face:
    return connect(observers=[audit])


@pytest.fixture(params=["memory", "server"])
def plain_client(request: pytest.FixtureRequest, fake: FakeCaibo) -> Iterator[httpx.Client]:
    """Give plain httpx before the gateway, in memory and on a socket."""
    headers = {"X-API-Key": fake.api_key}
    if request.param == "memory":
        with httpx.Client(
            transport=fake.transport, base_url=fake.base_url, headers=headers
        ) as client:
            yield client
    else:
        with (
            fake.serve() as server,
            httpx.Client(base_url=server.base_url, headers=headers) as client,
        ):
            yield client
