"""Retry-After, in all the ways in which gateways write it."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import httpx
import pytest
from faces import Connect
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import ID, RECORD, Script, answer

import caibo
from caibo._wire import clock as wire_clock
from caibo.testing import Clock

NOON = "Fri, 31 Dec 1999 12:00:00 GMT"


def busy(*values: str | bytes, date: str | None = None, status: int = 429) -> httpx.Response:
    """Refuse with these headers, each on a line of its own."""
    lines = [v.encode() if isinstance(v, str) else v for v in values]
    headers = [(b"Retry-After", line) for line in lines]
    if date is not None:
        headers.append((b"Date", date.encode()))
    return httpx.Response(status, headers=headers)


def paused(connect: Connect, first: httpx.Response) -> list[float]:
    """Return how long it paused before the second request."""
    with Clock() as clock:
        connect(**Script(first, answer(200, RECORD)).options).get(ID)
    return clock.sleeps


@pytest.fixture(autouse=True)
def longest_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)


class TestSeconds:
    @pytest.mark.parametrize(
        ("value", "pause"),
        [
            *(("7", 7), ("007", 7), (" 7\t", 7), ("30", 30), ("29.999", 29.999)),
            *(("1.5", 1.5), ("0.1", 0.25), ("0.0", 0.25), ("0", 0.25), ("7.000", 7)),
        ],
    )
    def test_whole_or_not(self, connect: Connect, value: str, pause: float) -> None:
        """But never less than a backoff would be."""
        assert paused(connect, busy(value)) == [pause]

    @pytest.mark.parametrize(
        "values",
        [
            ("2, 7",),
            ("7,2",),
            ("2", "7"),
            ("7", "2"),
            ("7", "soon"),
            ("7", ""),
            (",7,",),
            ("1,7", "3"),
        ],
    )
    def test_the_longest_of_several_counts(self, connect: Connect, values: tuple[str, ...]) -> None:
        """A proxy on the way adds its own; coming back too early would be hammering."""
        assert paused(connect, busy(*values)) == [7]

    @pytest.mark.parametrize(
        "value",
        [
            *(
                "",
                "soon",
                "-1",
                "-7.5",
                "+7",
                "7s",
                "7 seconds",
                "1e9",
                "1e-9",
                "0x7",
                "nan",
                "NaN",
            ),
            *("inf", "Infinity", "-inf", "7_0", "٣", "½", "7.", ".5", "1.2.3", "9" * 400, "7;q=1"),
            *("null", "None", "true", '"7"', "PT7S", "\x7f", b"\xff\xfe"),
        ],
    )
    def test_what_makes_no_sense_is_not_there(self, connect: Connect, value: Any) -> None:
        """The pause is that of a backoff, and the error says so."""
        with pytest.raises(caibo.RateLimitedError, match="Slow down") as caught:
            connect(max_retries=0, **Script(busy(value)).options).get(ID)

        assert caught.value.retry_after is None
        assert paused(connect, busy(value)) == [0.25]

    @pytest.mark.parametrize("value", ["31", "86400", "999999999", "999999999999999"])
    def test_a_long_one_is_left_to_the_caller(self, connect: Connect, value: str) -> None:
        """However long it is, nothing is sent before."""
        script = Script(busy(value), answer(200, RECORD))

        with Clock() as clock, pytest.raises(caibo.RateLimitedError, match="Try again after"):
            connect(**script.options).get(ID)

        assert (len(script.requests), clock.sleeps) == (1, [])


class TestTimes:
    @pytest.mark.parametrize("skew", [-86_400 * 365 * 25, -3600, 0, 3600, 86_400 * 365 * 10])
    def test_a_date_counts_from_the_answers_own(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, skew: float
    ) -> None:
        """The clock of this machine may be hours off, or decades."""
        noon = 946_641_600
        monkeypatch.setattr("time.time", lambda: noon + skew)

        first = busy(formatdate(noon + 20, usegmt=True), date=NOON)

        assert paused(connect, first) == [20]

    def test_without_one_it_counts_from_this_machines(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is no other."""
        monkeypatch.setattr("time.time", lambda: 946_641_600)

        first = busy(formatdate(946_641_607, usegmt=True))

        assert paused(connect, first) == [7]

    @pytest.mark.parametrize(
        "value",
        [
            "Fri, 31 Dec 1999 12:00:07 GMT",
            "Friday, 31-Dec-99 12:00:07 GMT",
            "Fri Dec 31 12:00:07 1999",
            "Fri, 31 Dec 1999 14:00:07 +0200",
            "31 Dec 1999 12:00:07 GMT",
        ],
    )
    def test_however_a_date_is_written(self, connect: Connect, value: str) -> None:
        """All three forms of RFC 9110, and those of mail."""
        assert paused(connect, busy(value, date=NOON)) == [7]

    @pytest.mark.parametrize("form", ["{}", "{}.0", "{}.000"])
    def test_the_seconds_since_1970_are_a_time(self, connect: Connect, form: str) -> None:
        """A number as large is no pause."""
        then = 1_800_000_007

        first = busy(form.format(then), date=formatdate(then - 7, usegmt=True))

        assert paused(connect, first) == [7]

    @pytest.mark.parametrize(
        "value",
        [
            *("Fri, 31 Dec 1999 11:59:59 GMT", NOON, "Thu, 01 Jan 1970 00:00:00 GMT", "1000000000"),
            *("Fri, 31 Feb 1999 12:00:07 GMT", "Fri, 31 Dec 1999 25:00:00 GMT", "1999-12-31"),
            "Fri, 31 Dec 99999999999 12:00:00 GMT",
        ],
    )
    def test_one_that_has_passed_or_cannot_be_is_not_there(
        self, connect: Connect, value: str
    ) -> None:
        """The pause is that of a backoff."""
        date = NOON if "1999" in value or "1970" in value else None

        assert paused(connect, busy(value, date=date)) == [0.25]

    @pytest.mark.parametrize("date", ["", "soon", "Fri, 99 Dec 1999 12:00:00 GMT", "\xff"])
    def test_a_date_of_the_answer_that_makes_no_sense_is_not_there(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, date: str
    ) -> None:
        """Then this machine's clock it is."""
        monkeypatch.setattr("time.time", lambda: 946_641_600)

        assert paused(connect, busy("Fri, 31 Dec 1999 12:00:07 GMT", date=date)) == [7]

    def test_a_date_and_seconds(self, connect: Connect) -> None:
        """The longer one, in any order."""
        for values in ((in_seconds(7), "3"), ("3", in_seconds(7)), (in_seconds(3), in_seconds(7))):
            assert paused(connect, busy(*values, date=NOON)) == [7]


def in_seconds(seconds: int) -> str:
    return formatdate(946_641_600 + seconds, usegmt=True)


ANYTHING = (
    st.text()
    | st.floats().map(str)
    | st.integers().map(str)
    | st.sampled_from(["0", "0.01", "-1", "nan", "1e-9", NOON, "946641600", ""])
)


class TestAlways:
    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    @given(
        values=st.lists(ANYTHING, max_size=3),
        status=st.sampled_from([429, 503, 500]),
        date=st.none() | st.just(NOON) | st.text(),
    )
    @example(values=["0", "0"], status=429, date=None)
    def test_no_three_requests_within_a_blink(
        self, connect: Connect, values: list[str], status: int, date: str | None
    ) -> None:
        """Whatever the gateway writes, and whatever the jitter is at its least."""
        lines = [value.encode("utf-8", "surrogatepass") for value in values]
        first = busy(*lines, status=status)
        if date is not None:
            first.headers.raw.append((b"Date", date.encode("utf-8", "surrogatepass")))
        at: list[float] = []

        def refuse(_: httpx.Request) -> httpx.Response:
            at.append(wire_clock.now())
            return httpx.Response(status, headers=first.headers.raw)

        with pytest.MonkeyPatch.context() as patch, Clock():
            patch.setattr("random.uniform", lambda low, high: low)
            with pytest.raises(caibo.APIError):
                connect(max_retries=5, **Script(refuse).options).get(ID)

        assert all(third - one >= 0.3 for one, third in zip(at, at[2:], strict=False))

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    @given(seconds=st.floats(0, 30), more=st.floats(0, 30))
    def test_never_earlier_than_asked(self, connect: Connect, seconds: float, more: float) -> None:
        """By any of the values."""
        first = busy(f"{seconds:.6f}", f"{more:.3f}")

        (pause,) = paused(connect, first)

        assert pause >= max(round(seconds, 6), round(more, 3), 0.25)
