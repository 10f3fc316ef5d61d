"""Before the gateway nginx, on the way to it squid and tinyproxy: `nox -s proxies` installs them.

What docs/proxies.md and docs/connections.md say of such programs is tried on the programs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from faces import Connect, methods
from forked import Apart, Authority, apart

import caibo
from caibo.testing import FakeCaibo, FakeServer

NGINX = """
daemon off; error_log stderr; pid {folder}/pid;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream gateways {{ server {first}; server {second}; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://gateways; proxy_read_timeout 1s; {more} }}
  }}
}}
"""
SQUID = """
http_port 127.0.0.1:{port}
http_access {access} all
cache deny all
access_log none
cache_log {folder}/log
pid_filename none
coredump_dir {folder}
shutdown_lifetime 0 seconds
"""
TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 60
MaxClients 20
BasicAuth user secret-of-the-proxy
"""


def installed(program: str) -> str:
    """Return where a program is; skip without it."""
    found = shutil.which(program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        pytest.skip(f"{program} is not installed: `nox -s proxies` does it where apt-get is")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@contextmanager
def running(port: int, *command: str) -> Iterator[str]:
    """Run a server until it is left; give its address once it takes connections."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            for _ in range(400):
                with socket.socket() as trial:
                    if trial.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None:
                    assert process.stderr is not None
                    raise RuntimeError(process.stderr.read())
                threading.Event().wait(0.05)  # it says in no other way that it is ready
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Give a function that starts a program with a configuration."""
    tmp_path.chmod(0o777)  # they give up root's rights

    with ExitStack() as stack:

        def start(program: str, text: str, *options: str, **names: str) -> str:
            path, port = tmp_path / f"{program}.conf", free_port()
            path.write_text(text.format(port=port, folder=tmp_path, **names), "utf-8")
            return stack.enter_context(running(port, installed(program), *options, str(path)))

        yield start


Start = Callable[..., str]


class TestNginx:
    """As a reverse proxy; its upstream servers are the gateway, twice."""

    @pytest.fixture
    def id(self, fake: FakeCaibo) -> int:
        return fake.add_customer(phone="old")

    def _before(self, start: Start, server: FakeServer, more: str = "") -> str:
        gateway = server.base_url.removeprefix("http://")
        # Under another name it is another server.
        again = gateway.replace("127.0.0.1", "localhost")
        address = start("nginx", NGINX, "-c", first=gateway, second=again, more=more)
        return f"http://{address}"

    def test_it_carries_an_update(
        self, connect: Connect, start: Start, server: FakeServer, fake: FakeCaibo, id: int
    ) -> None:
        """Two requests, and nothing lost."""
        client = connect(base_url=self._before(start, server), transport=None)

        update = client.update(id, phone="new")

        assert (update.outcome, methods(fake)) == ("accepted", ["GET", "PUT"])
        assert fake.document(id)["phone"] == "new"

    def test_it_sends_a_put_again_that_was_not_answered(
        self, connect: Connect, start: Start, server: FakeServer, fake: FakeCaibo, id: int
    ) -> None:
        """By default, as HTTP calls it idempotent; the client cannot see it."""
        client = connect(base_url=self._before(start, server), transport=None)
        fake.lose_response("PUT")

        update = client.update(id, phone="new")

        assert (update.outcome, update.attempts) == ("accepted", 1)
        assert methods(fake) == ["GET", "PUT", "PUT"]

    def test_with_proxy_next_upstream_off_the_client_looks_first(
        self, connect: Connect, start: Start, server: FakeServer, fake: FakeCaibo, id: int
    ) -> None:
        """It says 502, and the record says that the write was applied."""
        url = self._before(start, server, "proxy_next_upstream off;")
        fake.lose_response("PUT")

        update = connect(base_url=url, transport=None).update(id, phone="new")

        assert (update.outcome, update.attempts) == ("confirmed", 1)
        assert methods(fake) == ["GET", "PUT", "GET"]

    def test_a_gateway_that_takes_too_long_for_it(
        self, connect: Connect, start: Start, server: FakeServer, fake: FakeCaibo, id: int
    ) -> None:
        """504 from nginx, which is no refusal."""
        url = self._before(start, server, "proxy_next_upstream off;")
        fake.delay(3, "PUT")

        update = connect(base_url=url, transport=None, timeout=30).update(id, phone="new")

        assert update.outcome == "confirmed"
        assert [name for name in methods(fake) if name == "PUT"] == ["PUT"]

    @pytest.mark.parametrize("status", [503, 200])
    def test_its_maintenance_page_is_no_record(
        self,
        connect: Connect,
        start: Start,
        server: FakeServer,
        fake: FakeCaibo,
        id: int,
        status: int,
    ) -> None:
        """Whatever status it comes with; nothing is written."""
        more = f"default_type text/html; return {status} '<html><title>Back soon</title></html>';"
        url = self._before(start, server, more)

        with pytest.raises((caibo.ServerError, caibo.MalformedResponseError)) as caught:
            connect(base_url=url, transport=None, max_retries=0).update(id, phone="new")

        assert status != 503 or 'a web page with the title "Back soon"' in str(caught.value)
        assert methods(fake) == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def gateway(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    """Give one that speaks TLS and is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with apart("https", authority) as gateway:
        yield gateway


class TestSquid:
    def test_it_carries_an_update(
        self, connect: Connect, start: Start, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In one tunnel."""
        address = start("squid", SQUID, "-N", "-f", access="allow")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")

        update = connect(base_url=gateway.base_url, transport=None).update(100, phone="new")

        assert update.outcome == "accepted"
        assert [link.requests for link in gateway.links()] == [[("GET", 100), ("PUT", 100)]]

    def test_it_refuses(
        self, connect: Connect, start: Start, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With 403, and nothing was sent to the gateway."""
        address = start("squid", SQUID, "-N", "-f", access="deny")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")

        with pytest.raises(caibo.TransportError, match="403 Forbidden") as caught:
            connect(base_url=gateway.base_url, transport=None, max_retries=0).get(100)

        assert address in str(caught.value)
        assert caught.value.request_sent == "no"
        assert gateway.links() == []


class TestTinyproxy:
    def test_it_carries_an_update(
        self, connect: Connect, start: Start, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a login."""
        address = start("tinyproxy", TINYPROXY, "-d", "-c")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret-of-the-proxy@{address}")

        update = connect(base_url=gateway.base_url, transport=None).update(100, phone="new")

        assert update.outcome == "accepted"
        assert [link.requests for link in gateway.links()] == [[("GET", 100), ("PUT", 100)]]

    def test_it_refuses_a_login(
        self, connect: Connect, start: Start, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And the password is not shown."""
        address = start("tinyproxy", TINYPROXY, "-d", "-c")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:another-secret@{address}")

        with pytest.raises(caibo.TransportError, match=r"401|407") as caught:
            connect(base_url=gateway.base_url, transport=None, max_retries=0).get(100)

        assert "another-secret" not in repr(caught.value) + str(caught.value)
        assert caught.value.request_sent == "no"
