"""Answers of frameworks, proxies and firewalls, what they say, and what not to say of them."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from scripted import ID, KEY, answer

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
    "XML that is none": Refusal(400, "text/xml", "<e/>Not so", ("400 Bad Request: Not so",)),
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
