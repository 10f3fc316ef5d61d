"""What `FakeCaibo` does when nothing goes wrong on the way, in memory and on a socket."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import httpx
import pytest
from scripted import put

from caibo.testing import FakeCaibo

CONTRACT = json.loads(files("caibo_api").joinpath("openapi.json").read_text("utf-8"))
FIELDS = CONTRACT["components"]["schemas"]["Client"]["properties"]
EXACT = (
    '{ "id": 7, "ownerId" :16772748432912191, "name":"Zo\\u00eb \U0001f600", "email": "a@b.c",'
    ' "totalDeposits": 100.00, "createDate": "2024-03-05T09:30:12.1234567Z",'
    ' "class": [1E400, 79228162514264.3375935439, 1' + "0" * 5000 + '], "nothing": null}'
)


@pytest.fixture
def client(plain_client: httpx.Client) -> httpx.Client:
    return plain_client


def errors(response: httpx.Response) -> Any:
    assert response.status_code == 400
    return response.json()["errors"]


class TestReading:
    def test_a_read_returns_the_stored_bytes(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """White space, escapes and every digit of a number come back."""
        id = fake.add_document(EXACT.encode())

        response = client.get(f"customers/{id}")

        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.content == EXACT.encode() == fake.raw(id)

    def test_a_sample_customer_has_the_fields_of_the_contract(self, fake: FakeCaibo) -> None:
        """The defaults are whole, and ids have 17 digits and differ."""
        one, other = fake.add_customer(), fake.add_customer()

        assert fake.document(one).keys() == FIELDS.keys()
        assert fake.document(one)["id"] == one == 16772748432912191
        assert other == one + 1

    def test_fields_are_named_in_python_or_as_on_the_wire(self, fake: FakeCaibo) -> None:
        """A name outside the contract is stored as it is."""
        id = fake.add_customer(
            member_id="M", ownerId=3, pet_names=["Rex", ("Tom",)], total_deposits=Decimal("1.50")
        )

        document = fake.document(id)

        assert (document["memberId"], document["ownerId"]) == ("M", 3)
        assert document["pet_names"] == ["Rex", ["Tom"]]
        assert b'"totalDeposits":1.50' in fake.raw(id)

    def test_an_unknown_customer_is_not_found(self, client: httpx.Client) -> None:
        """The problem has the look of ASP.NET, and each answer has a request id."""
        response = client.get("customers/5")

        assert response.status_code == 404
        assert response.headers["Content-Type"].startswith("application/problem+json")
        assert response.headers["X-Request-Id"] == "fake-000001"
        problem = response.json()
        assert problem["title"] == "Not Found"
        assert problem["status"] == 404
        assert problem["instance"] == "/customers/5"
        assert problem["detail"] == "Customer 5 does not exist."
        assert problem["traceId"].startswith("00-")

    @pytest.mark.parametrize("id", ["x", "1.5", str(2**63), "1" * 20, "%D9%A3"])
    def test_what_is_no_int64_is_no_id(self, client: httpx.Client, id: str) -> None:
        """Model binding fails before anything is looked up."""
        assert "id" in errors(client.get(f"customers/{id}"))

    def test_a_gateway_without_reads_has_no_get(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """The documented contract has the PUT only."""
        id = fake.add_customer()
        fake.has_read = False

        response = client.get(f"customers/{id}")

        assert (response.status_code, response.headers["Allow"]) == (405, "PUT")
        assert put(client, id).status_code == 200

    def test_a_gateway_without_reads_may_say_not_found(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """Some routers answer so, and with no body."""
        fake.has_read = False
        fake.no_read_status = 404

        response = client.get(f"customers/{fake.add_customer()}")

        assert (response.status_code, response.content) == (404, b"")

    @pytest.mark.parametrize("body", [b"[]", b'{"id":true}', b'{"id":1', b'{"a":1,"a":2}', b"{}"])
    def test_a_broken_record_is_served_as_it_is(
        self, fake: FakeCaibo, client: httpx.Client, body: bytes
    ) -> None:
        """A client has to cope with what a gateway should never send."""
        id = fake.add_document(body)

        response = client.get(f"customers/{id}")

        assert response.content == body

    def test_a_record_may_stand_under_another_id(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """A gateway that answers with the wrong customer is one of the things to test."""
        id = fake.add_document({"id": 1}, id=2)

        assert (id, client.get("customers/2").json()) == (2, {"id": 1})

    def test_a_removed_customer_is_gone(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Its id names nothing from then on, here and in Python."""
        id = fake.add_customer()

        fake.remove_customer(id)

        assert client.get(f"customers/{id}").status_code == 404
        with pytest.raises(KeyError, match=f"no customer {id}"):
            fake.raw(id)


class TestReplacing:
    def test_what_was_read_can_be_written_back(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Every member is stored as the text in which it came."""
        id = fake.add_document(EXACT)
        exact = {'"totalDeposits":100.00', '"name":"Zo\\u00eb \U0001f600"', '"class":[1E400, 79'}

        client.put(f"customers/{id}", content=EXACT, headers={"Content-Type": "application/json"})

        assert not {text for text in exact if text.encode() not in fake.raw(id)}
        assert fake.document(id)["class"][1:] == [Decimal("79228162514264.3375935439"), 10**5000]

    def test_the_answer_has_no_body(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """The documented contract declares none."""
        response = put(client, fake.add_customer())

        assert (response.status_code, response.content) == (200, b"")
        assert "Content-Type" not in response.headers

    def test_the_answer_may_have_the_record(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """The vendor's samples parse one."""
        id = fake.add_customer()
        fake.returns_record = True

        response = put(client, id, phone="1")

        assert response.json()["phone"] == "1"
        assert response.content == fake.raw(id)

    def test_what_is_left_out_is_cleared(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Optional members become null, members outside the contract go."""
        id = fake.add_customer(preferences={"currency": "EUR"})

        put(client, id, phone="1")

        document = fake.document(id)
        assert (document["address"], document["memberId"], document["phone"]) == (None, None, "1")
        assert "preferences" not in document

    def test_what_is_left_out_may_vanish(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Another gateway drops the member instead of setting it to null."""
        id = fake.add_customer()
        fake.drop_omitted = True

        put(client, id)

        assert "address" not in fake.document(id)
        assert "ownerId" in fake.document(id)

    def test_the_server_keeps_what_it_owns(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Whatever the body says, of whatever type."""
        id = fake.add_document({"id": 7, "ownerName": "O", "name": "", "email": "", "userId": 4})

        put(client, id, id=8, ownerName=[], createDate="2024", totalDeposits="x")

        assert fake.document(id) == {
            "id": 7,
            "ownerName": "O",
            "name": "N",
            "email": "n@example.com",
            "userId": 4,
        }

    def test_members_outside_the_contract_are_stored(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """Some tenants have more fields than the contract."""
        id = fake.add_customer()

        put(client, id, preferences={"currency": "EUR"})

        assert fake.document(id)["preferences"] == {"currency": "EUR"}

    def test_a_strict_gateway_refuses_members_outside_the_contract(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """The vendor's own contract says additionalProperties: false."""
        fake.strict = True

        response = put(client, fake.add_customer(), preferences={})

        assert errors(response).keys() == {"$.preferences"}

    @pytest.mark.parametrize("field", ["name", "email", "address", "phone", "memberId"])
    def test_the_limits_are_the_contract_s(
        self, fake: FakeCaibo, client: httpx.Client, field: str
    ) -> None:
        """The longest text is taken, in characters, and one more is not."""
        id, limit = fake.add_customer(), FIELDS[field]["maxLength"]
        longest = "é@" + "é" * (limit - 2)

        responses = [put(client, id, **{field: text}) for text in (longest, longest + "é")]

        assert responses[0].status_code == 200
        (messages,) = errors(responses[1]).values()
        assert str(limit) in messages[0]

    def test_every_problem_is_told(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Missing, null, too long and of the wrong type, in one answer."""
        body = {"email": None, "phone": "1" * 50, "address": {"street": "S"}, "memberId": 3}

        response = client.put(f"customers/{fake.add_customer()}", json=body)

        assert errors(response).keys() == {"Name", "Email", "Phone", "$.address", "$.memberId"}

    @pytest.mark.parametrize(
        ("email", "status"),
        [("a@b", 200), ("a b@c", 200), ("", 400), ("a", 400), ("@a", 400), ("a@b@c", 400)],
    )
    def test_an_email_has_one_inner_at_sign(
        self, fake: FakeCaibo, client: httpx.Client, email: str, status: int
    ) -> None:
        """ASP.NET asks for nothing more."""
        assert put(client, fake.add_customer(), email=email).status_code == status

    def test_an_email_may_be_wrong_in_two_ways(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Both messages stand under the one field."""
        assert len(errors(put(client, fake.add_customer(), email="e" * 101))["Email"]) == 2

    @pytest.mark.parametrize(
        "body", [b"[]", b"3", b"{", b'{"a" 1}', b'{"a":1,}', b"{1:2}", b"\xff"]
    )
    def test_a_body_that_is_no_object_is_refused(
        self, fake: FakeCaibo, client: httpx.Client, body: bytes
    ) -> None:
        """Nothing changes then."""
        id = fake.add_customer()
        before = fake.raw(id)

        response = client.put(
            f"customers/{id}", content=body, headers={"Content-Type": "application/json"}
        )

        assert errors(response).keys() == {"$"}
        assert fake.raw(id) == before

    @pytest.mark.parametrize(
        "body",
        [b'{"a":1,"a":1}', b'{"a":NaN}', b"{}{}", b'{"a":' + b"[" * 99999 + b"]" * 99999 + b"}"],
    )
    def test_json_that_no_two_readers_agree_on_is_refused(
        self, fake: FakeCaibo, client: httpx.Client, body: bytes
    ) -> None:
        """A member twice, a constant that is not JSON, more after the end, no end in sight."""
        response = client.put(
            f"customers/{fake.add_customer()}",
            content=body,
            headers={"Content-Type": "application/json"},
        )

        assert errors(response).keys() == {"$"}

    def test_an_empty_body_is_refused(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """Its message stands under no field."""
        response = client.put(
            f"customers/{fake.add_customer()}",
            content=b" ",
            headers={"Content-Type": "application/json"},
        )

        assert errors(response) == {"": ["A non-empty request body is required."]}

    @pytest.mark.parametrize(
        ("media_type", "status"),
        [
            ("application/json", 200),
            ("Application/JSON; charset=utf-8", 200),
            ("application/json-patch+json", 415),
            ("text/plain", 415),
            ("", 415),
        ],
    )
    def test_the_media_types_are_the_contract_s(
        self, fake: FakeCaibo, client: httpx.Client, media_type: str, status: int
    ) -> None:
        """After our overlay that is one."""
        response = client.put(
            f"customers/{fake.add_customer()}",
            content=b'{"name":"N","email":"n@example.com"}',
            headers={"Content-Type": media_type},
        )

        assert response.status_code == status

    def test_a_body_above_the_limit_is_refused(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """The connection is of use afterwards."""
        id = fake.add_customer()
        fake.body_limit = 100_000

        response = put(client, id, address="x" * 200_000)

        assert response.status_code == 413
        assert client.get(f"customers/{id}").status_code == 200
        assert len({request.connection for request in fake.requests}) == 1

    def test_an_unknown_customer_cannot_be_replaced(self, client: httpx.Client) -> None:
        """And a PUT does not make one; a bad body is told first."""
        assert put(client, 5).status_code == 404
        assert put(client, 5, email=None).status_code == 400
        assert put(client, 5).status_code == 404

    def test_a_broken_record_can_be_replaced(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """There is nothing in it that the server would keep."""
        id = fake.add_document(b"[]")

        put(client, id)

        assert fake.document(id) == {"name": "N", "email": "n@example.com"}


class TestCredentials:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-API-Key": "caibo_test_sk_wrong"},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic {token}"},
        ],
    )
    def test_a_request_needs_credentials(
        self, fake: FakeCaibo, client: httpx.Client, headers: dict[str, str]
    ) -> None:
        """Without them nobody learns whether a customer exists."""
        token = fake.issue_token()
        del client.headers["X-API-Key"]

        response = client.get(
            "customers/1",
            headers={name: value.format(token=token) for name, value in headers.items()},
        )

        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json()["title"] == "Unauthorized"

    def test_a_login_gives_a_token(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """The token works, and says when it expires as .NET does, with seven digits."""
        fake.now = lambda: datetime(2024, 5, 6, 7, 8, 9, 10, UTC)
        fake.token_lifetime = 60
        id = fake.add_customer()
        del client.headers["X-API-Key"]

        login = client.post("auth/login", json={"email": fake.email, "password": fake.password})

        given = login.json()
        assert given["expireDate"] == "2024-05-06T07:09:09.0000100Z"
        assert fake.logins == 1
        bearer = {"Authorization": f"Bearer {given['accessToken']}"}
        assert client.get(f"customers/{id}", headers=bearer).status_code == 200

    def test_tokens_differ_and_expire_with_time(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """A token is good for its lifetime and not a moment longer."""
        start = datetime(2024, 5, 6, tzinfo=UTC)
        fake.now = lambda: start
        one, other = fake.issue_token(), fake.issue_token()
        del client.headers["X-API-Key"]
        bearer = {"Authorization": f"Bearer {one}"}
        before = client.get("customers/1", headers=bearer).status_code

        fake.now = lambda: start + timedelta(seconds=fake.token_lifetime)

        assert one != other
        assert before == 404
        assert client.get("customers/1", headers=bearer).status_code == 401

    def test_tokens_can_be_expired(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """All of them at once, and a new one works."""
        old = fake.issue_token()
        fake.expire_tokens()
        del client.headers["X-API-Key"]

        statuses = [
            client.get("customers/1", headers={"Authorization": f"Bearer {token}"}).status_code
            for token in (old, fake.issue_token())
        ]

        assert statuses == [401, 404]

    @pytest.mark.parametrize(
        ("body", "status"),
        [({"email": "merchant@example.com", "password": "x"}, 401), ({}, 401), ([], 400)],
    )
    def test_a_wrong_login_is_refused(
        self, fake: FakeCaibo, client: httpx.Client, body: object, status: int
    ) -> None:
        """No token is given out."""
        response = client.post("auth/login", json=body)

        assert response.status_code == status
        assert response.headers["Content-Type"].startswith("application/problem+json")
        assert fake.logins == 0


class TestRoutes:
    @pytest.mark.parametrize("path", ["", "customers", "customers/1/more", "api/customers/1"])
    def test_other_paths_do_not_exist(self, client: httpx.Client, path: str) -> None:
        """A router answers without a body."""
        response = client.get(path)

        assert (response.status_code, response.content) == (404, b"")

    def test_a_path_may_be_spelt_with_escapes(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """It means the same."""
        fake.add_document({"id": 1})

        assert client.get("customers/%31").status_code == 200

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("DELETE", "customers/1", "GET, PUT"),
            ("PATCH", "customers/1", "GET, PUT"),
            ("HEAD", "customers/1", "GET, PUT"),
            ("GET", "auth/login", "POST"),
        ],
    )
    def test_other_methods_are_not_allowed(
        self, client: httpx.Client, method: str, path: str, allowed: str
    ) -> None:
        """The answer names those that are."""
        response = client.request(method, path)

        assert (response.status_code, response.headers["Allow"]) == (405, allowed)

    def test_a_gateway_may_live_under_a_prefix(self, fake: FakeCaibo) -> None:
        """Both base URLs have it, and a path without it does not exist."""
        fake.prefix = "/ipg/2.0.0"
        id = fake.add_customer()
        headers = {"X-API-Key": fake.api_key}

        with fake.serve() as server, httpx.Client(headers=headers) as client:
            served = client.get(f"{server.base_url}/customers/{id}")
        with httpx.Client(headers=headers, transport=fake.transport) as client:
            inside = client.get(f"{fake.base_url}/customers/{id}?x=1")
            outside = client.get(f"https://gateway.test/customers/{id}")

        statuses = (served.status_code, inside.status_code, outside.status_code)
        assert statuses == (200, 200, 404)
        assert [request.path for request in fake.requests][1] == f"/ipg/2.0.0/customers/{id}"
        assert fake.requests[1].target.endswith("?x=1")


class TestRecording:
    def test_requests_are_recorded(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """With everything that a test may ask about."""
        id = fake.add_customer()

        client.put(
            f"customers/{id}",
            content=b'{"name": 1.50}',
            headers=[("Content-Type", "application/json"), ("X-One", "a"), ("X-One", "b")],
        )

        (request,) = fake.requests
        assert (request.method, request.path) == ("PUT", f"/customers/{id}")
        assert (request.body, request.json) == (b'{"name": 1.50}', {"name": Decimal("1.50")})
        assert request.headers["x-one"] == "a, b"
        assert "X-API-KEY" in request.headers
        assert len(request.headers) == len(list(request.headers))

    def test_what_is_recorded_does_not_show_secrets(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """A failing assertion prints a `repr`, and logs keep it."""
        put(client, fake.add_customer(name="Ada"), memberId="M-77")
        client.get("customers/1", headers={"Authorization": f"Bearer {fake.issue_token()}"})

        shown = repr(fake.requests) + repr(fake) + repr(fake.handle(fake.requests[0]))

        assert "FakeCaibo(1 customers, 3 requests)" in repr(fake)
        assert not {text for text in (fake.api_key, "M-77", "Bearer", "Ada") if text in shown}

    def test_a_hook_sees_each_request_before_it_is_carried_out(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """It may use the gateway, so writers can be interleaved at every step."""
        id = fake.add_customer(phone="1")
        seen: list[str] = []

        def write_first(request: Any) -> None:
            seen.append(fake.document(id)["phone"])
            fake.change(id, phone="2")

        fake.on_request = write_first
        response = client.get(f"customers/{id}")

        assert (seen, response.json()["phone"]) == (["1"], "2")


class TestEntityTags:
    def test_there_are_none_unless_asked_for(self, fake: FakeCaibo, client: httpx.Client) -> None:
        """The vendor documents none, and If-Match means nothing then."""
        id = fake.add_customer()

        read = client.get(f"customers/{id}")
        client.headers["If-Match"] = '"other"'

        assert "ETag" not in read.headers
        assert put(client, id).status_code == 200

    def test_a_write_with_the_newest_tag_is_taken(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """The answer carries the tag of what it wrote."""
        id = fake.add_customer()
        fake.etags = True
        client.headers["If-Match"] = client.get(f"customers/{id}").headers["ETag"]

        written = put(client, id)

        assert written.status_code == 200
        assert written.headers["ETag"] == client.get(f"customers/{id}").headers["ETag"]
        assert written.headers["ETag"] != client.headers["If-Match"]

    def test_a_write_with_an_older_tag_is_refused(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """Whoever came in between keeps what they wrote."""
        id = fake.add_customer()
        fake.etags = True
        client.headers["If-Match"] = client.get(f"customers/{id}").headers["ETag"]
        fake.change(id, phone="2")

        response = put(client, id, phone="3")

        assert response.status_code == 412
        assert fake.document(id)["phone"] == "2"
