"""What a refusal says is told, whatever framework, proxy or firewall spoke, on each face."""

from __future__ import annotations

import codecs
import json
import pickle
import sys
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from faces import Connect
from hypothesis import assume, given
from hypothesis import strategies as st
from scripted import ID, KEY, Script, answer

import caibo
from caibo._record.contract import by_wire_name
from caibo._record.masking import Redactor
from caibo._wire.refusals import error_from_response

JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html; charset=utf-8"
PERSON = {
    "name": "Grace Hopper-O'Neill",
    "email": "grace@example.org",
    "phone": "+1 (202) 555-0199",
    "address": "456 New Street, Springfield 12345",
    "memberId": "M-1001",
    "preferences": {"channel": "email", "tier": 7},
    "balance": 100,
}
#: What no message may show of it, however it is spelt.
CANARIES = (
    *("Hopper", "hopper", "O'Neill", "grace@", "2025550199", "555-0199", "456 New", "M-1001"),
    KEY,
)
NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n"
)
CORRECT = "correct the fields"
WHOLE_KEY = "API key is whole"
KNOWN = "credential is known"


@dataclass(frozen=True)
class Refusal:
    """An answer, what is said of it, and what must not be."""

    status: int
    media_type: str
    body: Any
    said: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    not_said: tuple[str, ...] = ()

    def answer(self) -> httpx.Response:
        body = self.body
        if isinstance(body, dict | list):
            body = json.dumps(body)
        content = body.encode() if isinstance(body, str) else body
        return answer(self.status, content, Content_Type=self.media_type)


REFUSALS = {
    "RFC 9457": Refusal(
        422,
        PROBLEM,
        {
            "type": "https://example.net/validation-error",
            "title": "Your request is not valid.",
            "errors": [
                {"detail": "must be a positive integer", "pointer": "#/age"},
                {"detail": "must be 'green', 'red' or 'blue'", "pointer": "#/preferences/colour"},
            ],
        },
        ("Your request is not valid.", "age: must be a positive integer"),
        {
            "age": ("must be a positive integer",),
            "preferences.colour": ("must be 'green', 'red' or 'blue'",),
        },
    ),
    "RFC 7807": Refusal(
        400,
        PROBLEM,
        {"title": "Invalid.", "invalid-params": [{"name": "memberId", "reason": "is taken"}]},
        ("Invalid.",),
        {"member_id": ("is taken",)},
    ),
    "ASP.NET": Refusal(
        400,
        PROBLEM,
        {
            "title": "One or more validation errors occurred.",
            "status": 400,
            "traceId": "00-abc-01",
            "errors": {"Email": ["Bad."], "$.memberId": ["Too long."], "dto.Phone": ["Odd."]},
        },
        ("One or more validation errors occurred.", "request id: 00-abc-01"),
        {"email": ("Bad.",), "member_id": ("Too long.",), "phone": ("Odd.",)},
    ),
    "ASP.NET, other casing": Refusal(
        400,
        PROBLEM,
        {
            "Title": "Invalid.",
            "Detail": "Look at the errors.",
            "TraceId": "00-abc-02",
            "Errors": {"MemberId": ["Too long."]},
        },
        ("Invalid: Look at the errors.", "request id: 00-abc-02"),
        {"member_id": ("Too long.",)},
    ),
    "ASP.NET Web API": Refusal(
        400,
        JSON,
        {"Message": "The request is invalid.", "ModelState": {"client.Email": ["Bad."]}},
        ("The request is invalid.",),
        {"email": ("Bad.",)},
    ),
    "Django REST framework": Refusal(
        400,
        JSON,
        {
            "email": ["Enter a valid email address."],
            "preferences": {"colour": ["Not a valid choice."]},
            "items": [{}, {"tier": ["Required."]}],
            "non_field_errors": ["The two do not match."],
        },
        ("The two do not match.",),
        {
            "email": ("Enter a valid email address.",),
            "preferences.colour": ("Not a valid choice.",),
            "items.tier": ("Required.",),
        },
    ),
    "Django REST framework, one": Refusal(
        403, JSON, {"detail": "You do not have permission."}, ("You do not have permission.",)
    ),
    "FastAPI": Refusal(
        422,
        JSON,
        {
            "detail": [
                {
                    "type": "missing",
                    "loc": ["body", "memberId"],
                    "msg": "Field required",
                    "input": PERSON,
                },
                {"type": "json", "loc": ["body", 12], "msg": "JSON decode error", "ctx": {}},
            ]
        },
        ("JSON decode error",),
        {"member_id": ("Field required",)},
    ),
    "FastAPI, one": Refusal(409, JSON, {"detail": "Already there"}, ("Already there",)),
    "marshmallow": Refusal(
        422,
        JSON,
        {
            "code": 422,
            "status": "Unprocessable Entity",
            "errors": {"json": {"email": ["Not a valid email address."]}},
        },
        (),
        {"email": ("Not a valid email address.",)},
    ),
    "marshmallow, the whole": Refusal(
        422, JSON, {"errors": {"json": ["Invalid input type."]}}, ("Invalid input type.",)
    ),
    "NestJS": Refusal(
        400,
        JSON,
        {
            "statusCode": 400,
            "message": ["email must be an email", "colour must be a string"],
            "error": "Bad Request",
        },
        ("colour must be a string",),
        {"email": ("email must be an email",)},
        ("Bad Request: Bad Request",),
    ),
    "NestJS, one": Refusal(
        404, JSON, {"statusCode": 404, "message": "Cannot PUT /x"}, ("Cannot PUT /x",)
    ),
    "class-validator": Refusal(
        400,
        JSON,
        [{"property": "phone", "constraints": {"isPhone": "must be a phone", "min": "short"}}],
        (),
        {"phone": ("must be a phone", "short")},
    ),
    "json-server": Refusal(
        500,
        "text/plain",
        "Error: Insert failed, duplicate id\n    at Object.insert (/app/x.js:1)",
        ("Insert failed, duplicate id at Object.insert",),
    ),
    "json-server, empty": Refusal(404, JSON, {}, ("404 Not Found (application/json, 2 bytes)",)),
    "Express": Refusal(
        404,
        HTML,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Error</title></head>'
        "<body>\n<pre>Cannot PUT /customers/1</pre>\n</body></html>",
        ("Error: Cannot PUT /customers/1", "web page"),
    ),
    "Spring": Refusal(
        400,
        JSON,
        {
            "timestamp": "2026-01-01T00:00:00",
            "status": 400,
            "error": "Bad Request",
            "message": "Validation failed",
            "errors": [{"field": "email", "defaultMessage": "must be an address", "code": "Email"}],
            "path": "/customers/1",
        },
        ("400 Bad Request: Validation failed",),
        {"email": ("must be an address",)},
    ),
    "Laravel": Refusal(
        422,
        JSON,
        {"message": "The given data was invalid.", "errors": {"email": ["It is taken."]}},
        ("The given data was invalid.",),
        {"email": ("It is taken.",)},
    ),
    "Rails": Refusal(
        422, JSON, {"errors": ["Name can't be blank"]}, (), {"name": ("Name can't be blank",)}
    ),
    "Mongoose": Refusal(
        400,
        JSON,
        {"errors": {"email": {"message": "is needed", "kind": "required", "path": "email"}}},
        (),
        {"email": ("is needed",)},
    ),
    "zod": Refusal(
        400,
        JSON,
        {"issues": [{"code": "invalid_type", "path": ["phone"], "message": "Required"}]},
        (),
        {"phone": ("Required",)},
    ),
    "JSON:API": Refusal(
        422,
        "application/vnd.api+json",
        {"errors": [{"source": {"pointer": "/data/attributes/email"}, "title": "Taken."}]},
        (),
        {"email": ("Taken.",)},
    ),
    "Google": Refusal(
        400,
        JSON,
        {
            "error": {
                "code": 400,
                "message": "Invalid argument.",
                "details": [
                    {"fieldViolations": [{"field": "member_id", "description": "Too long."}]}
                ],
            }
        },
        ("Invalid argument.",),
        {"member_id": ("Too long.",)},
    ),
    "error": Refusal(400, JSON, {"error": "No."}, ("400 Bad Request: No.",)),
    "error with a code": Refusal(
        402, JSON, {"error": {"code": "card_declined", "message": "Declined."}}, ("Declined.",)
    ),
    "only a code": Refusal(400, JSON, {"error": {"code": "card_declined"}}, ("card_declined",)),
    "message": Refusal(400, JSON, {"message": "Not now."}, ("Not now.",)),
    "errors": Refusal(400, JSON, {"errors": ["One.", "Two."]}, ("One: Two.",), not_said=("One.:",)),
    "a member of another name": Refusal(
        400, JSON, {"success": False, "resultText": "Account is closed"}, ("Account is closed",)
    ),
    "strings by field": Refusal(
        400,
        JSON,
        {"email": "is invalid", "colour": "is missing"},
        ("is missing",),
        {"email": ("is invalid",)},
    ),
    "a string": Refusal(400, JSON, '"Not so."', ("400 Bad Request: Not so.",)),
    "JSON in a string": Refusal(400, JSON, json.dumps('{"error":"Not so."}'), ("Not so.",)),
    "a list": Refusal(400, JSON, ["One.", {"message": "Two."}, None, 3], ("One: Two.",)),
    "null": Refusal(400, JSON, "null", ("400 Bad Request (application/json, 4 bytes)",)),
    "nulls inside": Refusal(
        400,
        JSON,
        {"title": None, "errors": {"email": None, "name": [None]}, "detail": {"x": None}},
        ("400 Bad Request (application/json",),
        not_said=("None", "null"),
    ),
    "nested": Refusal(
        400, JSON, {"error": {"errors": {"inner": {"reason": "Deep."}}}}, (), {"inner": ("Deep.",)}
    ),
    "a member twice": Refusal(
        400, JSON, '{"detail":"One.","detail":"Two.","detail":"Three."}', ("One: Two: Three.",)
    ),
    "cut off": Refusal(
        400, JSON, '{"title":"Not valid","detail":"The field pho', ("Not valid", "The field pho")
    ),
    "the record itself": Refusal(
        409,
        JSON,
        {"id": ID, "name": "Charles Babbage", "email": "charles@example.com"},
        ("409 Conflict (application/json",),
        not_said=("Charles", "Babbage"),
    ),
    "the record itself, in words": Refusal(
        409,
        JSON,
        {"ownerId": 7, "name": "Charles", "title": "Dr Babbage", "description": "An old man"},
        ("409 Conflict (application/json",),
        not_said=("Charles", "Babbage", "old man"),
    ),
    "the record beside": Refusal(
        409,
        JSON,
        {"error": "Changed meanwhile.", "data": {"id": 7, "title": "Dr Babbage"}},
        ("409 Conflict: Changed meanwhile.",),
        not_said=("Babbage",),
    ),
    "an id of the refusal": Refusal(
        404, JSON, {"id": "not_found", "message": "No such thing."}, (": No such thing.",)
    ),
    "a chain": Refusal(
        400,
        JSON,
        {
            "errors": [
                {"code": 1, "message": "One.", "error_chain": [{"code": 2, "message": "Two."}]}
            ]
        },
        ("400 Bad Request: One: Two.",),
    ),
    "SOAP": Refusal(
        500,
        "text/xml; charset=utf-8",
        "<soap:Envelope><soap:Body><soap:Fault><faultcode>soap:Client</faultcode>"
        "<faultstring>Not so.</faultstring></soap:Fault></soap:Body></soap:Envelope>",
        ("Internal Server Error: Not so.",),
    ),
    "text": Refusal(400, "text/plain", "Not so.\r\nAt all.\n", ("Bad Request: Not so. At all.",)),
    "text without a type": Refusal(400, "", "Not so.", ("400 Bad Request: Not so.",)),
    "text as JSON": Refusal(503, JSON, "upstream connect error", ("upstream connect error",)),
    "bytes": Refusal(
        400, "application/octet-stream", bytes(range(1, 32)), ("octet-stream, 31 bytes",)
    ),
    "latin-1": Refusal(400, JSON, '{"title":"Größe"}'.encode("latin-1"), ("Größe",)),
    "cyrillic": Refusal(
        400, "text/plain; charset=windows-1251", "Нет".encode("cp1251"), (": Нет",)
    ),
    "a charset that is none": Refusal(
        400, "text/plain; charset=rot13", "é".encode("cp1252"), (": é",)
    ),
    "a charset of nobody": Refusal(400, "text/plain; charset=x-no", "é".encode("cp1252"), (": é",)),
    "UTF-8 with a mark": Refusal(
        400, JSON, codecs.BOM_UTF8 + '{"title":"Größe"}'.encode(), ("Größe",)
    ),
    "UTF-16 with a mark": Refusal(400, JSON, '{"title":"Größe"}'.encode("utf-16"), ("Größe",)),
    "UTF-16, big": Refusal(
        400, JSON, codecs.BOM_UTF16_BE + '{"title":"Größe"}'.encode("utf-16-be"), ("Größe",)
    ),
    "UTF-16 without": Refusal(400, JSON, '{"title":"Größe"}'.encode("utf-16-le"), ("Größe",)),
    "UTF-16 without, big": Refusal(400, JSON, '{"title":"Größe"}'.encode("utf-16-be"), ("Größe",)),
    "UTF-8 cut in a letter": Refusal(400, "text/plain", "Größe ä".encode()[:-1], (": Größe",)),
    "XML": Refusal(
        403,
        "application/xml",
        '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access &lt;denied&gt;'
        "</Message><!-- <Message>hidden</Message> --><RequestId>4442587FB7D0A2F9</RequestId>"
        "</Error>",
        ("Access <denied>", "request id: 4442587FB7D0A2F9"),
        not_said=("hidden",),
    ),
    "XML problem": Refusal(
        400,
        "application/problem+xml",
        '<problem xmlns="urn:ietf:rfc:7807"><title>Invalid.</title>'
        "<detail><![CDATA[One & two.]]></detail></problem>",
        ("Invalid: One & two.",),
    ),
    "XML by field": Refusal(
        400,
        "text/xml",
        "<a:errors><a:email>is bad</a:email><a:email>is long</a:email></a:errors>",
        (),
        {"email": ("is bad", "is long")},
    ),
    "XML of another kind": Refusal(
        400, "text/xml", "<string>Not so</string>", ("400 Bad Request: Not so",)
    ),
    "nginx 400": Refusal(
        400,
        "text/html",
        NGINX.format("400 Request Header Or Cookie Too Large"),
        ('title "400 Request Header Or Cookie Too Large"', "a proxy, a firewall"),
        not_said=(CORRECT,),
    ),
    "nginx 401": Refusal(
        401,
        "text/html",
        NGINX.format("401 Authorization Required"),
        ('title "401 Authorization Required"', "a proxy, a firewall"),
        not_said=(WHOLE_KEY, "access token"),
    ),
    "nginx 413": Refusal(
        413,
        "text/html",
        NGINX.format("413 Request Entity Too Large"),
        ('title "413 Request Entity Too Large"',),
        not_said=(CORRECT,),
    ),
    "nginx 502": Refusal(
        502,
        "text/html",
        NGINX.format("502 Bad Gateway"),
        ('title "502 Bad Gateway"', "Try again later"),
        not_said=("502 Bad Gateway: 502 Bad Gateway",),
    ),
    "a firewall": Refusal(
        403,
        HTML,
        "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title>"
        "<script>var secret = '<b>';</script><style>p {}</style></head><body><h1>Sorry</h1>"
        "<p>You have been blocked &amp; logged.</p></body></html>",
        ('title "Attention Required! | Cloudflare"', "a firewall"),
        not_said=(KNOWN, "var secret", "administrator"),
    ),
    "a portal without a title": Refusal(
        400,
        HTML,
        "<h1>Please log in</h1>",
        ("Please log in", "without a title"),
        not_said=(CORRECT,),
    ),
    "a page that calls itself JSON": Refusal(
        400, JSON, NGINX.format("400 No"), ('title "400 No"',), not_said=(CORRECT,)
    ),
    "a page that waits": Refusal(
        429, HTML, NGINX.format("429 Too Many Requests"), ("a proxy", "Slow down.")
    ),
    "empty 403": Refusal(403, "", "", ("may be a wrong or ended one",), not_said=(KNOWN,)),
    "empty 400": Refusal(400, "", "", (CORRECT, "(empty body)")),
    "empty 401": Refusal(401, "", "", (WHOLE_KEY,)),
    "304": Refusal(304, "", "", ("a cache in between",), not_said=("redirects",)),
    "300": Refusal(300, "", "", ("redirects;", "`base_url`")),
    "unknown 4xx": Refusal(499, "", "", ("as it is",)),
    "unknown 5xx": Refusal(599, "", "", ("Try again later",)),
    "no class": Refusal(999, "", "", ("no status to answer with",)),
    "owned by the gateway": Refusal(
        400,
        JSON,
        {"errors": {"OwnerId": ["Unknown field."], "createDate": ["Unknown field."]}},
        ("owner_id, create_date", 'send="writable"', "`replace`"),
        {"owner_id": ("Unknown field.",), "create_date": ("Unknown field.",)},
        (CORRECT,),
    ),
    "what was sent, in a sentence": Refusal(
        400,
        JSON,
        {
            "title": "grace hopper oneill of 456 New Str… is no (M-1001)",
            "detail": f"12025550199, +1-202-555-0199 and {KEY[:-3]} at GRACE@example.org",
            "errors": {"phone": ["1 202 555 0199 is not valid"]},
        },
        ("‹name› of ‹address›… is no", "‹phone›, ‹phone› and ‹secret› at ‹email›"),
        {"phone": ("‹phone› is not valid",)},
    ),
    "what was sent, escaped": Refusal(
        400,
        "text/plain",
        "Grace Hopper-O&#39;Neill, Grace Hopper-O&amp;#x27;Neill, Grace%20Hopper-O%27Neill, "
        "Grace Hopper-O\\u0027Neill",
        ("‹name›, ‹name›, ‹name›, ‹name›",),
    ),
    "names of members": Refusal(
        400,
        JSON,
        {"errors": {"email": ["The email needs 7 to 100 characters"], "channel": ["No."]}},
        (),
        {"email": ("The email needs 7 to 100 characters",), "channel": ("No.",)},
    ),
}
both_ways = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)


def refused(connect: Connect, response: Any, **known: Any) -> caibo.APIError:
    """Give the refusal of a write, of a read where the write may have been applied."""

    def reply(request: httpx.Request) -> httpx.Response:
        request.extensions.update(known)
        return response if isinstance(response, httpx.Response) else response(request)

    client = connect(api_key=KEY, max_retries=0, **Script(reply).options)
    with pytest.raises(caibo.CaiboError) as caught:
        client.replace(ID, PERSON)
    error: BaseException | None = caught.value
    if isinstance(error, caibo.UnknownOutcomeError):  # which says itself what to do next
        with pytest.raises(caibo.APIError) as caught:
            client.get(ID)
        error = caught.value
    assert isinstance(error, caibo.APIError)
    return error


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


def refusal_of(sent: Any, body: Any, known: Any = None, **headers: str) -> caibo.APIError:
    """Give the error of a PUT, made as each engine makes it."""
    request = httpx.Request(
        "PUT",
        f"https://gateway.test/customers/{ID}",
        headers={"X-API-Key": KEY},
        json=sent,
        extensions={} if known is None else {"known": known},
    )
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(request, answer(400, content, **headers))


def shown(error: caibo.APIError) -> str:
    """Give all that a person, a log or a pickle could show of an error."""
    return f"{error!s} {error!r} {error.__dict__}"


class TestMasking:
    def test_what_the_record_said_before_is_masked(self, connect: Connect) -> None:
        """A refusal may quote the record that the write was made of."""
        before = {"name": "Ada Lovelace", "totalDeposits": 1234567, "ownerId": 99887766}
        said = {
            "detail": "Ada Lovelace has 1,234,567",
            "current": {"totalDeposits": 1234567, "ownerId": 99887766},
        }

        error = refused(connect, answer(409, json.dumps(said).encode()), known=before)

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


class TestLongAnswers:
    @pytest.mark.parametrize("letter", LETTERS)
    @pytest.mark.parametrize("media_type", [JSON, HTML, "text/xml", "text/plain"])
    def test_they_are_read_at_once(self, letter: str, media_type: str) -> None:
        """A pattern that looks back and forth would take hours."""
        for before in ("", "<", "{", '{"title": "'):
            text = before + letter * (900_000 // len(letter.encode()))

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
