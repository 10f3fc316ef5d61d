"""The fake gateway, with its switches off, takes nothing that others would refuse.

The requests of `congruence.py` go to the fake, to Prism and to a Connexion server, all
three made of the packaged contract; a last test makes up bodies.  So a test of a user's
that passes on the fake does not rest on the fake's kindness.  The sessions `prism` and
`connexion` each bring one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import servers
from congruence import BODY, CASES, FRIENDLIER, NAMES, Case, Name, Sent, login, read, setting, write
from hypothesis import example, given, settings
from hypothesis import strategies as st
from servers import EMAIL, KEY, PASSWORD, RECORD
from servers import SMALL_ID as ID

from caibo.testing import FakeCaibo


class Server:
    """One of the three servers, with the one record."""

    def __init__(self, name: Name, stack: ExitStack, folder: Any) -> None:
        self.name = name
        self._fake = FakeCaibo()
        self._fake.api_key, self._fake.email, self._fake.password = KEY, EMAIL, PASSWORD
        self._handlers = servers.Handlers(RECORD)
        served = {
            "fake": lambda: stack.enter_context(self._fake.serve()).base_url,
            "prism": lambda: stack.enter_context(servers.prism(folder)),
            "connexion": lambda: stack.enter_context(servers.connexion(self._handlers)),
        }
        # No proxy of whoever runs this stands before the loopback interface.
        self._http = stack.enter_context(httpx.Client(base_url=served[name](), trust_env=False))
        self.restore()

    def restore(self) -> None:
        """Bring the record back to what it was."""
        self._fake.add_document(RECORD)
        self._handlers.records = {ID: RECORD}

    def answer(self, sent: Sent) -> httpx.Response:
        """Send a request and give the answer."""
        return self._http.request(
            sent.method, sent.path, headers=sent.headers, content=sent.body or None
        )


@pytest.fixture(scope="module", params=NAMES)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Start one of the servers for the tests of this file."""
    with ExitStack() as stack:
        yield Server(request.param, stack, tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(running: Server) -> Server:
    """Give each of the servers in turn, with its record as it was."""
    running.restore()
    return running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_answers_as_the_table_says(server: Server, case: Case) -> None:
    """So a difference that is new, or gone, is seen."""
    if not case.status(server.name):
        pytest.skip(case.why)

    answer = server.answer(case.sent)

    assert answer.status_code == case.status(server.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_difference_has_its_reason(case: Case) -> None:
    """And where there is none, none is given."""
    differs = len({case.status(name) for name in NAMES}) > 1

    assert bool(case.why) is differs


def test_the_fake_takes_what_another_refuses_only_where_it_is_named() -> None:
    """One more name in that list is a decision, and not an oversight."""
    assert {case.name for case in CASES if case.friendlier()} == FRIENDLIER


def test_what_was_written_is_read(server: Server) -> None:
    """Prism has no memory and answers with the same record."""
    server.answer(setting("preferences", {"currency": "USD"}))

    found = server.answer(read()).json()

    written = {"name": "Jo Li", "preferences": {"currency": "USD"}}
    expected = RECORD if server.name == "prism" else written
    assert {name: found[name] for name in written} == {name: expected[name] for name in written}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.sent.method == "PUT" and case.fake >= 400],
    ids=lambda case: case.name,
)
def test_what_is_refused_changes_nothing(server: Server, case: Case) -> None:
    """Whoever refuses it."""
    if not case.status(server.name) or case.status(server.name) < 400:
        pytest.skip(case.why)

    server.answer(case.sent)

    assert server.answer(read()).json() == RECORD


def test_a_record_and_a_token_come_as_json(server: Server) -> None:
    """With the media type that the contract declares."""
    for sent in [read(), login({"email": EMAIL, "password": PASSWORD})]:
        answer = server.answer(sent)

        assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
        assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    "sent", [read(Accept="application/json"), setting("phone", 5), setting("name", None)]
)
def test_a_refusal_comes_as_problem_details(server: Server, sent: Sent) -> None:
    """As JSON or as problem+json; the members are the contract's, each of its type."""
    answer = server.answer(sent)

    media_type = answer.headers["Content-Type"].partition(";")[0]
    # Prism says what the contract declares, frameworks what RFC 9457 does.
    expected = "application/json" if server.name == "prism" else "application/problem+json"
    assert media_type == expected
    problem = answer.json()
    if server.name != "prism":  # which makes its own up
        assert problem["status"] == answer.status_code
    assert isinstance(problem["title"], str)


def values(schema: Mapping[str, Any]) -> st.SearchStrategy[object]:
    """Make up values about the limits of a text, and of every other type."""
    longest = schema["maxLength"]
    text = st.text(st.characters(codec="utf-8"), max_size=3)
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-9, 9),
        st.floats(-1e9, 1e9),
        text,
        st.integers(longest - 1, longest + 1).map("x".__mul__),
        st.lists(text, max_size=1),
        st.dictionaries(text, text, max_size=1),
    )


def bodies() -> st.SearchStrategy[dict[str, object]]:
    """Make up bodies: the sound one, but for a member or two.

    What the gateway owns, and how an address may be written, is in `FRIENDLIER`.
    """
    schemas = servers.contract()["components"]["schemas"]["Client"]["properties"]
    odd = {name: values(rule) for name, rule in schemas.items() if not rule["readOnly"]}
    odd["email"] = odd["email"].map(lambda value: "" if isinstance(value, str) else value)
    odd["vatNumber"] = values({"maxLength": 9})
    members = st.one_of([st.tuples(st.just(name), value) for name, value in odd.items()])
    lacking = st.sampled_from(["nothing", "nothing", "nothing", "name", "email"])
    return st.tuples(lacking, st.lists(members, max_size=2)).map(
        lambda made: {**{n: v for n, v in BODY.items() if n != made[0]}, **dict(made[1])}
    )


def test_the_fake_refuses_whatever_another_does(server: Server) -> None:
    """Whatever body is made up."""
    if server.name == "fake":
        pytest.skip("it is what the others are compared with")
    seen: set[int] = set()
    with ExitStack() as stack:
        fake = Server("fake", stack, None)

        @settings(max_examples=200, derandomize=True, database=None)
        @given(bodies())
        @example(BODY)
        def compared(body: dict[str, object]) -> None:
            theirs, ours = (one.answer(write(body)).status_code for one in (server, fake))
            seen.add(theirs)
            assert theirs in {200, 400}
            assert ours >= theirs

        compared()

    assert seen == {200, 400}
