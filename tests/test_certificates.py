"""Whom a client trusts, and what it says where that fails."""

from __future__ import annotations

import os
import pickle
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from faces import Connect
from proxying import ENVIRONMENT, Gateway, everything, trust
from scripted import ID, KEY, RECORD, RawServer, framed

import caibo
from caibo._wire.tls import ssl_context, trusted_by

OPENSSL = shutil.which("openssl")


@pytest.fixture(autouse=True)
def no_network_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> trustme.CA:
    return trustme.CA()


def hashed(authority: trustme.CA, folder: Path, number: int = 0) -> Path:
    """Put a certificate where OpenSSL finds it."""
    folder.mkdir(exist_ok=True)
    pem = authority.cert_pem.bytes()
    # The hash of the name, which only OpenSSL's own command could tell us, is not looked at.
    path = folder / f"0123abcd.{number}"
    path.write_bytes(pem)
    return path


class TestSharing:
    def test_clients_share_what_is_slow_to_load(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """The second one reads nothing, by default as well as from a file or a folder."""
        standard = ssl_context()
        trust(monkeypatch, tmp_path, authority)
        from_file = ssl_context()
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setenv("SSL_CERT_DIR", str(hashed(authority, tmp_path / "dir").parent))
        from_folder = ssl_context()

        monkeypatch.setattr(ssl, "create_default_context", None)
        again = ssl_context()
        monkeypatch.delenv("SSL_CERT_DIR")

        assert again is from_folder
        assert ssl_context() is standard
        assert len({id(standard), id(from_file), id(from_folder)}) == 3

    def test_a_later_client_sees_another_file(
        self,
        monkeypatch: pytest.MonkeyPatch,
        authority: trustme.CA,
        stranger: trustme.CA,
        tmp_path: Path,
    ) -> None:
        """As a rotation leaves it under the same name, also of the same size."""
        path = trust(monkeypatch, tmp_path, authority)
        before = ssl_context()

        path.write_bytes(stranger.cert_pem.bytes())
        os.utime(path, ns=(1, 1))  # the clock of a file system may be coarse
        after = ssl_context()
        os.utime(path, ns=(2, 2))
        touched = ssl_context()
        path.write_bytes(path.read_bytes() * 2)
        os.utime(path, ns=(2, 2))
        longer = ssl_context()

        assert [c.subject for c in anchors(before)] == [subject(authority)]
        assert [c.subject for c in anchors(after)] == [subject(stranger)]
        assert len({id(after), id(touched), id(longer)}) == 3

    def test_a_later_client_sees_another_entry_of_a_folder(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """Added, changed or gone."""
        path = hashed(authority, tmp_path / "dir")
        monkeypatch.setenv("SSL_CERT_DIR", str(path.parent))
        contexts = [ssl_context()]

        second = hashed(authority, path.parent, 1)
        contexts.append(ssl_context())
        os.utime(path, ns=(0, 0))
        contexts.append(ssl_context())
        path.unlink()
        second.rename(path)
        contexts.append(ssl_context())

        assert len(set(map(id, contexts))) == 4

    def test_a_folder_may_hold_links_to_nothing_and_stand_in_a_list(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """OpenSSL passes over them, and takes several folders."""
        folder = hashed(authority, tmp_path / "dir").parent
        (folder / "89abcdef.0").symlink_to(tmp_path / "nowhere")
        monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'missing'}{os.pathsep}{folder}")

        assert ssl_context() is ssl_context()

    def test_the_file_comes_before_the_folder(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """As in httpx; an empty variable is as good as none."""
        trust(monkeypatch, tmp_path, authority)
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))

        said = trusted_by()
        context = ssl_context()
        monkeypatch.setenv("SSL_CERT_DIR", "")

        assert said.endswith("SSL_CERT_FILE and SSL_CERT_DIR are set.")
        assert trusted_by().endswith("; SSL_CERT_FILE is set.")
        assert [c.subject for c in anchors(context)] == [subject(authority)]


def anchors(context: ssl.SSLContext) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(der) for der in context.get_ca_certs(binary_form=True)]


def subject(authority: trustme.CA) -> x509.Name:
    return x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject


class TestMistakes:
    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("SSL_CERT_FILE", None, "No such file"),
            ("SSL_CERT_FILE", b"", "holds no certificate that can be read; PEM"),
            ("SSL_CERT_FILE", b"s3cret\n", "holds no certificate that can be read; PEM"),
            (
                "SSL_CERT_FILE",
                b"-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n",
                "holds no certificate that can be read; PEM",
            ),
            ("SSL_CERT_DIR", None, "No such file"),
            ("SSL_CERT_DIR", b"", "Not a directory"),
        ],
    )
    @pytest.mark.parametrize("kind_of_client", [caibo.Caibo, caibo.AsyncCaibo])
    def test_what_cannot_be_used_is_named_unseen(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        name: str,
        content: bytes | None,
        kind: str,
        kind_of_client: Any,
    ) -> None:
        """Where the client is made, with the variable and the kind of mistake."""
        path = tmp_path / "s3cret.pem"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setenv(name, str(path))

        with pytest.raises(caibo.ConfigurationError, match=f"^{name} .*{kind}") as caught:
            kind_of_client(api_key=KEY, base_url="https://gateway.test")

        assert "s3cret" not in everything(caught.value, caplog)

    def test_a_folder_is_no_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """It is said of the right variable."""
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))

        with pytest.raises(caibo.ConfigurationError, match=r"^SSL_CERT_FILE "):
            ssl_context()

    def test_a_folder_needs_the_names_that_openssl_looks_for(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """Otherwise each connection would fail, and nobody would know why."""
        (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

        with pytest.raises(caibo.ConfigurationError, match=r"^SSL_CERT_DIR .*openssl rehash"):
            ssl_context()

    def test_a_key_log_that_cannot_be_written_is_not_called_a_certificate(
        self, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
    ) -> None:
        """Python opens it with the certificates."""
        trust(monkeypatch, tmp_path, authority)
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys"))

        with pytest.raises(caibo.ConfigurationError, match=r"^SSLKEYLOGFILE .*No such file"):
            ssl_context()

    def test_plain_http_needs_no_certificates(
        self, monkeypatch: pytest.MonkeyPatch, connect: Connect
    ) -> None:
        """They are not even looked at."""
        monkeypatch.setenv("SSL_CERT_FILE", "missing")

        client = connect(api_key=KEY, base_url="http://127.0.0.1:9", transport=None)

        assert client.caibo.mode == "test"


class TestFailures:
    def test_a_trusted_gateway_is_served(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        authority: trustme.CA,
        tmp_path: Path,
    ) -> None:
        """By the authority in the file, and no other."""
        trust(monkeypatch, tmp_path, authority)
        gateway = Gateway(authority.issue_cert("127.0.0.1"), framed(RECORD))
        with gateway.serve() as link:
            customer = connect(api_key=KEY, **link).get(ID)

        assert customer.id == ID

    @pytest.mark.skipif(OPENSSL is None, reason="only openssl knows the name of such a file")
    def test_an_authority_in_a_folder_is_trusted(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        authority: trustme.CA,
        tmp_path: Path,
    ) -> None:
        """Under the name that OpenSSL looks for."""
        path = trust(monkeypatch, tmp_path, authority)
        monkeypatch.delenv("SSL_CERT_FILE")
        asked = [str(OPENSSL), "x509", "-hash", "-noout", "-in", str(path)]
        named = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        path.rename(tmp_path / f"{named}.0")
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        gateway = Gateway(authority.issue_cert("127.0.0.1"), framed(RECORD))
        with gateway.serve() as link:
            customer = connect(api_key=KEY, **link).get(ID)

        assert customer.id == ID

    @pytest.mark.parametrize("wrong", ["stranger", "expired", "wrong host"])
    @pytest.mark.parametrize("variables", [("SSL_CERT_FILE",), ("SSL_CERT_FILE", "SSL_CERT_DIR")])
    def test_a_certificate_that_fails_is_told_once_with_a_hint(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        authority: trustme.CA,
        stranger: trustme.CA,
        tmp_path: Path,
        wrong: str,
        variables: tuple[str, ...],
    ) -> None:
        """Another try would meet the same certificate."""
        trust(monkeypatch, tmp_path, authority)
        for name in variables[1:]:
            monkeypatch.setenv(name, str(tmp_path))
        certificate = {
            "stranger": lambda: stranger.issue_cert("127.0.0.1"),
            "wrong host": lambda: authority.issue_cert("elsewhere.test"),
            "expired": lambda: authority.issue_cert(
                "127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC)
            ),
        }[wrong]()
        gateway = Gateway(certificate, framed(RECORD))
        with (
            gateway.serve() as link,
            pytest.raises(caibo.TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught,
        ):
            connect(api_key=KEY, **link).get(ID)

        text = str(caught.value)
        assert caught.value.request_sent == "no"
        assert caught.value.attempts == 1
        assert gateway.connections == 1
        assert "nothing was sent" in text
        assert "SSL_CERT_FILE" in text
        assert "SSL_CERT_DIR" in text
        assert f"{' and '.join(variables)} {'are' if variables[1:] else 'is'} set" in text
        assert str(pickle.loads(pickle.dumps(caught.value))) == text

    def test_without_a_variable_the_hint_says_so(
        self, connect: Connect, authority: trustme.CA
    ) -> None:
        """A company's authority is the usual reason."""
        gateway = Gateway(authority.issue_cert("127.0.0.1"), framed(RECORD))
        with (
            gateway.serve() as link,
            pytest.raises(caibo.TransportError, match="neither is set") as caught,
        ):
            connect(api_key=KEY, **link).get(ID)

        assert gateway.connections == 1
        assert caught.value.request_sent == "no"


@pytest.mark.parametrize("length", [b"", b"Content-Length: 999\r\n"], ids=["none", "more"])
def test_an_end_without_the_goodbye_of_tls_is_an_end(
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    authority: trustme.CA,
    tmp_path: Path,
    length: bytes,
) -> None:
    """Whether all has come is seen from the length, or from the JSON object itself."""
    trust(monkeypatch, tmp_path, authority)
    gateway = RawServer(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + RECORD)
    gateway.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(gateway.tls)

    with gateway.serve() as link:
        client = connect(max_retries=0, **link)
        if length:
            with pytest.raises(caibo.TransportError):
                client.get(ID)
        else:
            assert client.get(ID).id == ID
