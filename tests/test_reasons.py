"""What a refusal says is told, whatever framework, proxy or firewall spoke, on each face."""

from __future__ import annotations

import json
import pickle

import httpx
import pytest
from faces import Connect
from refusals import CANARIES, HTML, JSON, PERSON, REFUSALS, Refusal
from scripted import ID, KEY, Script, answer

import caibo

both_ways = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)


def refused(connect: Connect, response: httpx.Response) -> caibo.APIError:
    """Give the refusal of a write, of a read where the write may have been applied."""
    client = connect(api_key=KEY, max_retries=0, **Script(response).options)
    with pytest.raises(caibo.CaiboError) as caught:
        client.replace(ID, PERSON)
    error: BaseException | None = caught.value
    if isinstance(error, caibo.UnknownOutcomeError):  # which says itself what to do next
        with pytest.raises(caibo.APIError) as caught:
            client.get(ID)
        error = caught.value
    assert isinstance(error, caibo.APIError)
    return error


def test_of_a_million_reasons_some_are_told(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest would keep the processor busy past any deadline."""
    monkeypatch.setattr("caibo._record.masking._MOST", 100)
    monkeypatch.setattr("caibo._wire.reasons._MOST", 30)
    many = dict.fromkeys(map("f{}".format, range(120)), "Wrong.")

    error = refused(connect, httpx.Response(400, json={"title": "No.", "m": many, "n": "end"}))
    fields = refused(connect, httpx.Response(400, json={"errors": many}))

    assert list(error.problem) == ["title", "m"]
    assert len(error.problem["m"]) == 98
    assert error.problem["m"]["f97"] == "…"
    assert len(fields.field_errors) == 30


class TestReasons:
    @both_ways
    def test_what_is_said_is_told(self, connect: Connect, refusal: Refusal) -> None:
        """In the message, by field, and nothing that is untrue or not for everybody's eyes."""
        error = refused(connect, refusal.answer())

        told = str(error)
        assert error.status == refusal.status
        assert [text for text in refusal.said if text not in told] == []
        assert error.field_errors == refusal.fields
        everything = f"{told} {error.problem} {error.field_errors} {error.body_text}"
        assert [text for text in CANARIES if text in everything] == []
        assert [text for text in refusal.not_said if text in told] == []

    @pytest.mark.parametrize("name", [name for name in REFUSALS if name.startswith("the record")])
    def test_a_record_is_not_shown(self, connect: Connect, name: str) -> None:
        """Nobody has read it, so its values could not be masked; pickles do not have it either."""
        error = refused(connect, REFUSALS[name].answer())

        everything = f"{error} {error.problem} {error.body_text} {pickle.dumps(error)!r}"
        assert [text for text in REFUSALS[name].not_said if text in everything] == []
        assert "‹record›" in error.body_text

    @both_ways
    def test_it_is_short_and_for_any_screen(self, connect: Connect, refusal: Refusal) -> None:
        """One line of reason, an attribute with the rest, and both survive a pickle."""
        error = refused(connect, refusal.answer())

        first, *_ = str(error).splitlines()
        assert len(first) < 400
        assert error.body_text.isprintable()
        assert len(error.body_text.encode()) <= 4096
        assert json.loads(json.dumps(error.problem)) == error.problem
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.body_text) == (str(error), error.body_text)

    @pytest.mark.parametrize("unit", ["a word ", "ä", "李小龙 ", "😀", '"\\'])
    @pytest.mark.parametrize("media_type", [JSON, "text/plain", HTML])
    def test_a_long_one_is_cut(self, connect: Connect, unit: str, media_type: str) -> None:
        """To one line in the message and to 4 KiB in the attribute."""
        text = "Sorry: " + unit * 20_000
        body = json.dumps({"message": text}) if media_type == JSON else text

        error = refused(connect, answer(400, body.encode(), Content_Type=media_type))

        first, *_ = str(error).splitlines()
        assert "400 Bad Request: Sorry: " in first
        assert len(first.partition("Bad Request: ")[2]) <= 300
        assert 4000 < len(error.body_text.encode()) <= 4096

    @pytest.mark.parametrize("status", [301, 308])
    @pytest.mark.parametrize(
        ("base_url", "location", "said"),
        [
            ("https://gateway.test", f"/customers/{ID}/", "with a slash more"),
            ("https://gateway.test", f"https://gateway.test/customers/{ID}/?a=b", "a slash more"),
            ("https://gateway.test", f"/v2/customers/{ID}", "Is `base_url` right?"),
            ("https://gateway.test", f"https://other.test/customers/{ID}/", "Is `base_url` right?"),
        ],
    )
    def test_a_redirect_shows_where_to(
        self, connect: Connect, status: int, base_url: str, location: str, said: str
    ) -> None:
        """And that nothing helps against a gateway that wants another slash."""
        script = Script(answer(status, Location=location))
        client = connect(**{**script.options, "base_url": base_url})

        with pytest.raises(caibo.APIError) as caught:
            client.get(ID)

        target = httpx.URL(base_url).join(location).copy_with(query=None)
        assert f"redirects to {target};" in caught.value.hint
        assert said in caught.value.hint

    def test_one_slash_less_is_said_too(self, connect: Connect) -> None:
        """Through the generated client, whose paths may be anybody's."""
        script = Script(answer(308, Location="/customers"))
        client = connect(**script.options)

        with pytest.raises(caibo.APIError, match="with a slash less"):
            client.wait(client.caibo.api.get_httpx_client().get, "/customers/") if isinstance(
                client.caibo, caibo.Caibo
            ) else client.wait(client.caibo.api.get_async_httpx_client().get, "/customers/")
