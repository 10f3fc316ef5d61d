"""What a gateway quotes of a customer is masked, and what it says besides is left alone."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import pytest
from faces import Connect
from hypothesis import assume, given
from hypothesis import strategies as st
from refusals import HTML, JSON, PERSON
from scripted import ID, KEY, Script, answer

import caibo
from caibo._record.contract import by_wire_name
from caibo._record.masking import Redactor
from caibo._wire.answers import answer as answered
from caibo._wire.refusals import error_from_response
from caibo._wire.waiting import Sent


def refusal_of(sent: Any, body: Any, known: Any = None, **headers: str) -> caibo.APIError:
    """Give the error of a PUT, made as each engine makes it."""
    request = httpx.Request(
        "PUT",
        f"https://gateway.test/customers/{ID}",
        headers={"X-API-Key": KEY},
        json=sent,
        extensions={} if known is None else {"known": (known,)},
    )
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = Sent(answer(400, content, **headers), content)
    return error_from_response(request, answered(request, sent, 0.0, 0.0))


def shown(error: caibo.APIError) -> str:
    """Give all that a person, a log or a pickle could show of an error."""
    return f"{error!s} {error!r} {error.__dict__}"


class TestMasking:
    def test_what_the_record_said_before_is_masked(self) -> None:
        """A refusal may quote the record that the write was made of."""
        before = {"name": "Ada Lovelace", "totalDeposits": 1234567, "ownerId": 99887766}
        said = {
            "detail": "Ada Lovelace has 1,234,567",
            "current": {"totalDeposits": 1234567, "ownerId": 99887766},
        }

        error = refusal_of({}, said, before)

        assert "‹name› has ‹totalDeposits›" in str(error)
        assert error.problem["current"] == {
            "totalDeposits": "‹totalDeposits›",
            "ownerId": "‹ownerId›",
        }

    def test_an_update_tells_what_it_was_made_of(self, connect: Connect) -> None:
        """So that the old value of what it sets is masked as well."""
        record = b'{"name":"Ada Lovelace","email":"ada@example.com","phone":"+12025550143"}'
        refusal = answer(400, b'{"detail":"Ada LOVELACE keeps 202-555-0143 and 12025550143"}')
        client = connect(**Script(answer(200, record), refusal).options)

        with pytest.raises(caibo.BadRequestError) as caught:
            client.update(ID, phone="+12025550199")

        assert "‹name› keeps ‹phone› and ‹phone›" in str(caught.value)

    @pytest.mark.parametrize(
        "spelt", ["030 123456", "0 30/12 34 56", "(0049) 30 123456", "30-123456", "+49 30 123456"]
    )
    def test_a_phone_number_is_known_without_its_country(self, spelt: str) -> None:
        """As whoever looks at it from there spells it."""
        error = refusal_of({"phone": "+4930123456"}, {"detail": f"no {spelt}, at most 30 digits"})

        assert "123456" not in error.problem["detail"].replace(" ", "")
        assert "at most 30 digits" in error.problem["detail"]

    def test_names_of_members_never_are(self) -> None:
        """Not in `field_errors`, `problem` or a sentence, whatever the values are called."""
        sent = {"preferences": {"channel": "email", "colour": "phone"}, "phone": "channel"}
        said = {"detail": "email, phone and channel", "errors": {"email": ["x"], "channel": ["y"]}}

        error = refusal_of(sent, said)

        assert "‹" not in shown(error)
        assert error.field_errors == {"email": ("x",), "channel": ("y",)}

    @pytest.mark.parametrize("value", ["abc", "1", "12", 100, 1000, "1000", 1.5, -7, 0.25])
    def test_what_is_short_is_masked_only_where_it_is_all(self, value: Any) -> None:
        """In a sentence it stands by chance."""
        said = {"detail": f"no {value} of {value}", "attempted": value, "list": [value]}

        error = refusal_of({"tier": value}, said)

        assert error.problem == {
            "detail": f"no {value} of {value}",
            "attempted": "‹tier›",
            "list": ["‹tier›"],
        }

    def test_a_status_is_no_balance(self) -> None:
        """It is repeated in the body by most frameworks."""
        error = refusal_of({"balance": 400}, {"status": 400, "title": "No."})

        assert error.problem["status"] == 400

    @pytest.mark.parametrize("value", [True, False, None])
    def test_what_tells_nothing_of_anybody_stays(self, value: Any) -> None:
        """True, false and null."""
        error = refusal_of({"active": value, "n": 1, "z": 0}, {"ok": value})

        assert error.problem == {"ok": value}

    def test_numbers_are_masked_and_stay_json(self) -> None:
        """However they are spelt, and where no float can hold them."""
        said = b'{"a": 123456.70, "b": 1E400, "c": [7654321], "d": 1E999999, "e": %s}'
        sent = {"balance": 123456.7, "limit": 7654321}

        error = refusal_of(sent, said % (b"9" * 5000))

        assert json.loads(json.dumps(error.problem)) == {
            "a": "‹balance›",
            "b": "1E400",
            "c": ["‹limit›"],
            "d": "1E999999",
            "e": "9" * 299 + "…",
        }

    @pytest.mark.parametrize("where", ["header", "body", "error"])
    def test_request_ids_stay_but_for_what_is_inside(self, where: str) -> None:
        """Whoever calls the vendor needs them."""
        id = f"req-42-{KEY}-ada@example.com-Grace-Hopper-7"
        bodies = {"body": {"requestId": id}, "error": {"error": {"request_id": id}}}
        headers = {"X_Request_Id": id} if where == "header" else {}

        error = refusal_of({"name": "Grace Hopper"}, bodies.get(where, {}), **headers)

        assert error.request_id == "req-42-‹secret›-…@example.com-‹name›-7"
        assert KEY not in shown(error)

    @pytest.mark.parametrize("name", ["name", "email", "a\u0308", "x" * 300, "a b", ""])
    def test_a_value_in_place_of_a_name_is_masked(self, name: str) -> None:
        """Where it cannot be a name: some say what is wrong by the value that is."""
        sent = {name: "+1 202 555 0199"}

        error = refusal_of(sent, {"errors": {"+12025550199": ["No."], KEY: ["No."]}})

        assert "2025550199" not in shown(error)
        assert KEY not in shown(error)

    @pytest.mark.parametrize("token", ["b3BzOmh1bnRlcjI=", "b3Bz", "???"])
    def test_a_password_in_a_header_is_masked(self, connect: Connect, token: str) -> None:
        """An `auth=` of the caller's may send one, and a gateway quote it, unpacked or not."""
        refusal = answer(401, f'{{"detail":"ops has not hunter2 but {token}"}}'.encode())

        class Basic(httpx.Auth):
            def auth_flow(self, request: httpx.Request) -> Any:
                request.headers["Authorization"] = f"Basic {token}"
                yield request

        client = connect(auth=Basic(), **Script(refusal).options)

        with pytest.raises(caibo.AuthenticationError) as caught:
            client.get(ID)

        hunter = "‹secret›" if token == "b3BzOmh1bnRlcjI=" else "hunter2"
        assert f"has not {hunter} but" in str(caught.value)
        assert token == "???" or token not in shown(caught.value)

    def test_odd_values_are_found_as_they_are(self) -> None:
        """With fewer than four letters, but signs between them."""
        said = {"detail": "D'Or, a@b.c and ?!?!?! and 李小龙街道"}

        error = refusal_of({"name": "D'Or", "x": "?!?!?!", "address": "李小龙街道"}, said)

        assert "‹name›, a…@b.c and ‹x› and ‹address›" in str(error)

    @given(
        value=st.text(st.characters(categories=["L", "N", "P", "Zs", "S", "M"]), min_size=4),
        around=st.sampled_from(
            ["{}", "'{}' is bad", "no ({}), sorry", "a: {}; b", '{{"x": "{}"}}']
        ),
    )
    def test_a_value_never_stands_in_a_sentence(self, value: str, around: str) -> None:
        """As it was sent, whatever it is made of."""
        letters = "".join(filter(str.isalnum, value))
        assume(len(value.strip()) >= 4 and (len(letters) >= 5 or not letters.isdigit()))
        assume(value not in around and letters.casefold() not in {"tier", *by_wire_name()})

        error = refusal_of({"tier": value}, {"detail": around.format(value)})

        assert value not in error.problem["detail"]

    @given(
        words=st.lists(st.text("abcdefgh0123456789äé", min_size=3), min_size=3, max_size=6),
        signs=st.lists(
            st.sampled_from([" ", "-", ".", "/ ", "&#39;", "%20", "\\u0027"]), min_size=6
        ),
        cut=st.integers(0, 3),
        upper=st.booleans(),
    )
    def test_nor_respelt_nor_cut_off(
        self, words: list[str], signs: list[str], cut: int, upper: bool
    ) -> None:
        """With other signs between the words, in another case, without its end."""
        kept = words[: len(words) - cut] or words
        spelt = "".join(
            f"{w.upper() if upper else w}{s}" for w, s in zip(kept, signs, strict=False)
        )
        told = "".join(kept)

        error = refusal_of({"address": " ".join(words)}, {"detail": f"The address {spelt} is bad"})

        assert ("‹address›" in str(error)) is (len(told) >= 8)


LETTERS = [
    *("a", "@", "a@", " ", "a ", "a.", "‹", "<", "<!--", "<p>", "<title", "<script", "</script"),
    *("&", "&#", "&amp;", "%", "%4", "\\u", "\\", "{", "[", '"', '{"a":', "caibo_test_sk_", "0"),
    *("12345 ", "\u0301", "李", "<![CDATA[", "<a>b", "<a ", "abcdefgh "),
]


@pytest.mark.long
class TestLongAnswers:
    @pytest.mark.parametrize("letter", LETTERS)
    def test_they_are_read_at_once(self, letter: str) -> None:
        """A pattern that looks back and forth would take hours."""
        for turn, before in enumerate(("", "<", "{", '{"title": "'), LETTERS.index(letter)):
            text = before + letter * (900_000 // len(letter.encode()))
            media_type = (JSON, HTML, "text/xml", "text/plain")[turn % 4]

            error = refusal_of(PERSON, text.encode(), Content_Type=media_type)

            assert len(str(error)) < 2500

    @pytest.mark.parametrize("letter", LETTERS)
    def test_the_steps_are_bounded_by_the_length(self, letter: str) -> None:
        """Of what is sent, of the record before, and of what is said."""

        def steps(times: int) -> int:
            text = letter * times
            sent = {f"x{n}": f"{letter}{n}{text[:200]}" for n in range(times // 10)}
            count = 0

            def counted(*_: object) -> None:
                nonlocal count
                count += 1

            sys.setprofile(counted)
            try:
                redact = Redactor(sent)
                redact(text)
                redact.everywhere([text] * 10)
            finally:
                sys.setprofile(None)
            return count

        steps(4000)  # from here on its patterns are compiled

        assert steps(4000) < 3 * steps(2000)
