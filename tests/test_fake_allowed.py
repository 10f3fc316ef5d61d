"""What tests may allow themselves: `caibo.testing.plain_http` and `caibo.testing.unmasked`."""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Callable
from typing import Any

import pytest
from faces import Connect, methods

import caibo
from caibo.testing import FakeCaibo, FakeServer, _comparison, plain_http, unmasked

KEY = "caibo_test_sk_0123"
LIVE = "caibo_live_sk_0123"
FAR = "http://gateway:8080"
RECORD = {"id": 7, "name": "Jo Li", "email": "jo@example.com", "memberId": "M-7"}
NOT_FOR_TESTS: dict[str, Callable[[], dict[str, Any]]] = {
    "a live key": lambda: {"api_key": LIVE},
    "a key of no mode": lambda: {"api_key": "0123456789"},
    "a callable": lambda: {"api_key": lambda: KEY},
    "a token": lambda: {"access_token": "a.b.c"},
    "a login": lambda: {"auth": caibo.Login("merchant@example.com", "secret")},
}


class TestPlainHttp:
    def test_a_client_reaches_the_gateway_of_another_container(
        self,
        fake: FakeCaibo,
        server: FakeServer,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Over a socket, by its name, and never through a proxy."""
        id = fake.add_customer()
        resolve = socket.getaddrinfo

        def by_name(host: Any, *args: Any, **kwargs: Any) -> Any:
            return resolve(
                "127.0.0.1" if host in ("gateway", b"gateway") else host, *args, **kwargs
            )

        monkeypatch.setattr(socket, "getaddrinfo", by_name)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")

        with plain_http("Gateway"):
            client = connect(base_url=f"http://GATEWAY:{server.port}", transport=None)
            client.update(id, phone=None)

        assert methods(fake) == ["GET", "PUT"]

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("10.0.0.7", "http://10.0.0.7"),
            ("fd00::7", "http://[fd00::7]:80/api"),
            ("[FD00::7]", "http://[fd00::7]"),
            ("fake_gateway.internal", "http://fake_gateway.internal"),
        ],
    )
    def test_a_host_is_a_name_or_an_address(self, connect: Connect, host: str, url: str) -> None:
        """Whatever the port and the path."""
        with plain_http("other", host):
            assert connect(api_key=KEY, base_url=url).caibo.mode == "test"

    @pytest.mark.parametrize("url", [FAR, "http://gateway.example.com", "http://10.0.0.7"])
    def test_other_hosts_are_refused(self, connect: Connect, url: str) -> None:
        """Those that are not named, those below a name, and all without the leave."""
        refused = pytest.raises(caibo.ConfigurationError, match="http is for loopback only")

        with plain_http("example.com", "10.0.0.70"), refused:
            connect(api_key=KEY, base_url=url)

    @pytest.mark.parametrize("credential", NOT_FOR_TESTS)
    def test_only_a_test_key_may(self, connect: Connect, credential: str) -> None:
        """Everybody on the way can read it."""
        options = NOT_FOR_TESTS[credential]()

        refused = pytest.raises(caibo.ConfigurationError, match="takes a test key only")

        with plain_http("gateway"), refused as caught:
            connect(**options, base_url=FAR)

        assert not {LIVE, "0123456789", "a.b.c", "secret"} & set(str(caught.value).split())

    def test_the_leave_ends_with_the_context(self, fake: FakeCaibo, connect: Connect) -> None:
        """Also for a client that was made inside, and for its light copies."""
        id = fake.add_customer()
        with plain_http("gateway"), plain_http("gateway"):
            client = connect(base_url=FAR)
        with plain_http("gateway"):
            client.get(id)

        for made in (client.caibo, client.caibo.with_options(timeout=1)):
            with pytest.raises(caibo.ConfigurationError, match="plain http"):
                client.wait(made.customers.get, id)
        assert methods(fake) == ["GET"]

    def test_each_context_ends_for_itself(self, connect: Connect) -> None:
        """One inside another takes nothing from it."""
        with plain_http("gateway", "other"):
            with plain_http("gateway"):
                pass

            assert connect(api_key=KEY, base_url=FAR).caibo.mode == "test"

    def test_it_ends_for_the_escape_hatch(self, fake: FakeCaibo) -> None:
        """A request of `client.api` is held to the same."""
        with plain_http("gateway"):
            client = caibo.Caibo(api_key=fake.api_key, base_url=FAR, transport=fake.transport)
            client.api.get_httpx_client().get(f"customers/{fake.add_customer()}")

        with pytest.raises(caibo.ConfigurationError, match="plain http"):
            client.api.get_httpx_client().get("customers/1")

        assert methods(fake) == ["GET"]

    def test_it_ends_after_an_error_as_well(self, connect: Connect) -> None:
        """A test that fails leaves nothing behind."""
        with pytest.raises(ZeroDivisionError), plain_http("gateway"):
            raise ZeroDivisionError

        with pytest.raises(caibo.ConfigurationError, match="plain http"):
            connect(api_key=KEY, base_url=FAR)

    @pytest.mark.parametrize("host", ["", "*", "http://gateway", "gateway:8080", "a b", "a/b"])
    def test_what_is_no_host_is_a_mistake(self, host: str) -> None:
        """A pattern or a URL would never match, and nobody would know why."""
        with pytest.raises(ValueError, match="the host alone"), plain_http(host):
            pass

    def test_no_host_is_a_mistake(self) -> None:
        """It does not stand for all."""
        with pytest.raises(ValueError, match="name the hosts"), plain_http():
            pass

    @pytest.mark.parametrize("name", ["plain_http", "unmasked", "http", "mask"])
    def test_no_option_leads_there(self, connect: Connect, name: str) -> None:
        """And no variable: there is none."""
        with pytest.raises(TypeError, match=name):
            connect(**{name: True})


class TestUnmasked:
    def test_representations_show_values(self, fake: FakeCaibo, connect: Connect) -> None:
        """Of a customer the whole record, of documents, changes, results, plans and drafts."""
        id = fake.add_document(RECORD)
        client = connect()

        with unmasked():
            update = client.update(id, name="Joan Li")
            plan = client.plan(id, name="Jo")
            with client.edit(id) as draft:
                shown = repr(draft)

            record = repr({**RECORD, "name": "Joan Li"})
            assert repr(update.customer) == f"Customer({record})"
            assert repr(update.customer.document) == f"Document({record})"
            assert repr(update.changes) == "{'name': Change('Jo Li' → 'Joan Li')}"
            assert repr(plan) == "Plan(7, {'name': Change('Joan Li' → 'Jo')})"
            assert shown == f"Draft of Customer({record})"
            assert "'Jo Li' → 'Joan Li'" in repr(update)

    def test_afterwards_they_are_masked_again(self) -> None:
        """When the last of them is left, also by an error."""
        customer = caibo.Customer(RECORD)
        masked = repr(customer)

        with pytest.raises(ZeroDivisionError), unmasked(), unmasked():
            raise ZeroDivisionError
        with unmasked():
            with unmasked():
                pass
            assert "Jo Li" in repr(customer)

        assert repr(customer) == masked
        assert "Jo Li" not in masked

    def test_an_object_that_could_not_be_made_is_shown(self) -> None:
        """As reporters of errors do with the locals of a frame."""
        with unmasked():
            assert repr(object.__new__(caibo.Customer)) == "Customer()"
            assert repr(object.__new__(caibo.Document)) == "Document()"

    def test_messages_logs_and_pickles_stay_as_they_are(
        self, fake: FakeCaibo, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        """They leave the test run, or stay in its reports."""
        id = fake.add_document(RECORD)
        fake.fail_next(400, body={"detail": "Jo Li is not Joan Li"}, method="PUT")

        with unmasked(), caplog.at_level(logging.DEBUG, "caibo"):
            with pytest.raises(caibo.BadRequestError) as caught:
                connect().update(id, name="Joan Li")
            plan = connect().plan(id, name="Joan Li")
            texts = [str(caught.value), repr(caught.value), str(plan), *caplog.messages]
            pickled = pickle.dumps(caught.value)

        assert not [text for text in texts if "Li" in text]
        assert b"Joan" not in pickled

    @pytest.mark.parametrize("credential", NOT_FOR_TESTS)
    def test_only_a_test_key_may_call(
        self, fake: FakeCaibo, connect: Connect, credential: str
    ) -> None:
        """What it reads is nobody's data; a client that was made before is refused as well."""
        id = fake.add_customer()
        options = NOT_FOR_TESTS[credential]()
        before = connect(**options)

        with unmasked():
            with pytest.raises(caibo.ConfigurationError, match="takes a test key only"):
                connect(**options)
            with pytest.raises(caibo.ConfigurationError, match="takes a test key only"):
                before.get(id)

        assert fake.requests == []


class TestDifferences:
    def test_each_member_that_differs_has_a_line(self) -> None:
        """Of customers, and what they are compared with, in either place."""
        customer = caibo.Customer({"id": 7, "name": "Jo", "phone": None, "a": 1})
        expected = {"id": 7, "name": "Joan", "a": True, "b": 2}

        lines = _comparison.differences(customer, expected)
        turned = _comparison.differences(caibo.Document(expected), customer)

        assert lines == [
            "Customer == dict, which differ in:",
            "  name: 'Jo' != 'Joan'",
            "  phone: None != absent",
            "  a: 1 != True",
            "  b: absent != 2",
        ]
        assert turned is not None
        assert turned[:2] == ["Document == Customer, which differ in:", "  name: 'Joan' != 'Jo'"]

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            (caibo.Customer({"id": 7}), {"id": 7}),
            (caibo.Customer({"id": 7}), 7),
            ({"id": 7}, {"id": 8}),
            (caibo.Document({"id": 7}), {"id": 8}),
        ],
        ids=["equal", "a number", "no customer", "documents"],
    )
    def test_what_members_do_not_explain_is_left_to_pytest(
        self, left: object, right: object
    ) -> None:
        """It has words of its own."""
        assert _comparison.differences(left, right) is None
