"""Nothing is decided on what a cache between us and the gateway has kept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from faces import Connect, Face, methods
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo._wire.caches import kept_by
from caibo.testing import Cache, FakeCaibo

#: What is sent with a copy, by whom.
COPIES: dict[str, tuple[str, str]] = {
    "any, by RFC 9111": ("Age", "1"),
    "one behind another": ("Age", "0, 17"),
    "squid": ("X-Cache", "HIT from proxy-1.example:3128"),
    "squid, two of them": ("X-Cache", "MISS from a.example, HIT from b.example"),
    "Apache": ("X-Cache", "HIT from www.example"),
    "nginx": ("X-Cache-Status", "HIT"),
    "nginx, old": ("X-Proxy-Cache", "STALE"),
    "nginx, while it asks": ("X-Nginx-Cache-Status", "UPDATING"),
    "Varnish": ("X-Varnish", "32770 3"),
    "Varnish, counting": ("X-Cache-Hits", "2"),
    "Cloudflare": ("CF-Cache-Status", "HIT"),
    "Cloudflare, old": ("CF-Cache-Status", "STALE"),
    "Fastly": ("X-Cache", "HIT"),
    "Fastly, shielded": ("X-Cache", "HIT, MISS"),
    "Fastly, counting": ("X-Cache-Hits", "0, 1"),
    "Akamai": ("X-Cache", "TCP_MEM_HIT from a23-45-67-89.deploy.akamaitechnologies.com (x)"),
    "Akamai, parent": ("X-Cache-Remote", "TCP_HIT from a1.example"),
    "Akamai, origin is down": ("X-Cache", "TCP_REFRESH_FAIL_HIT from a1.example"),
    "CloudFront": ("X-Cache", "Hit from cloudfront"),
    "CloudFront, shielded": ("X-Cache", "OriginShieldHit from cloudfront"),
    "Azure": ("X-Cache", "TCP_REMOTE_HIT"),
    "Vercel": ("X-Vercel-Cache", "STALE"),
    "bunny.net": ("CDN-Cache", "HIT"),
    "LiteSpeed": ("X-LiteSpeed-Cache", "hit"),
    "RFC 9211": ("Cache-Status", '"Edge"; hit; ttl=30'),
    "RFC 9211, two": ("Cache-Status", "Shield; hit, Edge; fwd=uri-miss"),
}
#: What is sent with an answer that is the gateway's own, or confirmed by it.
NEW: dict[str, tuple[str, str]] = {
    "age 0": ("Age", "0"),
    "no age": ("Age", "soon"),
    "squid": ("X-Cache", "MISS from proxy.hit.example"),
    "squid, with an old one at hand": ("X-Cache-Lookup", "HIT from proxy.example:3128"),
    "nginx": ("X-Cache-Status", "BYPASS"),
    "nginx, expired": ("X-Proxy-Cache", "EXPIRED"),
    "nginx, confirmed": ("X-Cache-Status", "REVALIDATED"),
    "Varnish": ("X-Varnish", "32770"),
    "Varnish, counting": ("X-Cache-Hits", "0"),
    "Varnish, never kept": ("X-Cache", "HIT-FOR-PASS"),
    "Varnish, not to be kept": ("X-Cache", "hit-for-miss"),
    "Cloudflare": ("CF-Cache-Status", "DYNAMIC"),
    "Fastly names its machine": ("X-Served-By", "cache-fra-1234-HIT"),
    "Akamai": ("X-Cache", "TCP_MISS from a23.example"),
    "Akamai, confirmed": ("X-Cache", "TCP_REFRESH_HIT from a23.example"),
    "CloudFront": ("X-Cache", "Miss from cloudfront"),
    "CloudFront, confirmed": ("X-Cache", "RefreshHit from cloudfront"),
    "RFC 9211": ("Cache-Status", "Hit-Cache; fwd=miss; stored"),
    "somebody else's": ("X-Token-Cache", "HIT"),
    "nobody's": ("X-Cache", ""),
}


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old")


@pytest.fixture
def cached(fake: FakeCaibo, id: int) -> Cache:
    """A cache that has a copy from before somebody else's change, and gives it whoever asks."""
    cache = fake.cache = Cache(obeys=False)
    with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
        client.get(f"customers/{id}", headers={"X-API-Key": fake.api_key}).raise_for_status()
    assert cache.copies
    fake.requests.clear()
    fake.change(id, address="1 Other Street")
    return cache


def test_a_read_asks_for_a_new_answer(wire: Face, fake: FakeCaibo, id: int) -> None:
    """And so does the one before a write and the one after it; the write itself has no need."""
    wire.get(id)
    wire.update(id, phone="new", confirm=True)

    asked = [request.headers.get("Cache-Control") for request in fake.requests]
    assert methods(fake) == ["GET", "GET", "PUT", "GET"]
    assert asked == ["no-cache", "no-cache", None, "no-cache"]


def test_a_cache_that_obeys_is_no_trouble(wire: Face, fake: FakeCaibo, id: int) -> None:
    """Its miss is marked, too."""
    fake.cache = Cache()
    wire.get(id)
    fake.change(id, address="1 Other Street")

    wire.update(id, phone="new", confirm=True)

    assert fake.document(id)["address"] == "1 Other Street"


@pytest.mark.parametrize("by", COPIES)
def test_a_copy_is_not_written_on(connect: Connect, fake: FakeCaibo, id: int, by: str) -> None:
    """Read once more, and then told, whatever `max_base_age` is."""
    name, value = COPIES[by]
    fake.fail_next(200, body=fake.raw(id), headers={name: value}, method="GET", times=2)

    with pytest.raises(caibo.MalformedResponseError, match="a cache's copy") as caught:
        connect(max_base_age=86_400).update(id, phone="new")

    assert methods(fake) == ["GET", "GET"]
    assert f'It says "{name.title()}: {value}"' in str(caught.value)


@pytest.mark.parametrize("by", NEW)
def test_a_new_answer_is_written_on(client: Face, fake: FakeCaibo, id: int, by: str) -> None:
    """Also one that the gateway has confirmed, and what only looks like a mark."""
    name, value = NEW[by]
    fake.fail_next(200, body=fake.raw(id), headers={name: value}, method="GET")

    update = client.update(id, phone="new")

    assert (update.outcome, methods(fake)) == ("accepted", ["GET", "PUT"])


@given(
    name=st.sampled_from(["age", "x-cache", "cache-status", "x-varnish", "x-cache-hits"]),
    value=st.text(st.characters(max_codepoint=255)),
)
def test_whatever_a_cache_says_is_read(name: str, value: str) -> None:
    """One line of bounded length, or nothing."""
    said = kept_by({name: value})

    assert said is None or (said.isprintable() and len(said) < 120)


class TestEveryVerb:
    def test_once_more_may_help(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """The copy has ended, or another machine answers."""
        fake.fail_next(200, body=fake.raw(id), headers={"Age": "59"}, method="GET")

        update = client.update(id, phone="new")

        assert (update.outcome, methods(fake)) == ("accepted", ["GET", "GET", "PUT"])

    @pytest.mark.parametrize(
        "cache", [Cache(obeys=False), Cache(obeys=False, age=None), Cache(obeys=False, mark=None)]
    )
    def test_none_goes_on_with_a_copy(
        self, client: Face, fake: FakeCaibo, id: int, cache: Cache, cached: Cache
    ) -> None:
        """`get` as well: whoever reads decides on it, and hands it to `replace`."""
        young, stored = client.plan(id, current=client_record(fake, id), phone="new"), []
        stored.append(caibo.Plan.from_json(young.to_json()))
        cache.copies = cached.copies
        fake.cache = cache

        def edit() -> None:
            with client.edit(id) as draft:
                draft.phone = "new"

        for call in (
            lambda: client.get(id),
            lambda: client.plan(id, phone="new"),
            lambda: client.update(id, phone="new"),
            lambda: client.apply(stored[0]),
            edit,
        ):
            with pytest.raises(caibo.MalformedResponseError, match="a cache's copy"):
                call()

        assert set(methods(fake)) == {"GET"}
        assert fake.document(id)["address"] == "1 Other Street"

    def test_a_read_back_from_a_cache_tells_nothing(
        self, wire: Face, fake: FakeCaibo, cached: Cache, id: int
    ) -> None:
        """Not that the value was reverted: it stands."""
        record = client_record(fake, id)

        with pytest.raises(caibo.UnknownOutcomeError, match="was accepted") as caught:
            wire.update(id, current=record, phone="new", confirm=True)

        assert methods(fake) == ["PUT", "GET", "GET"]
        assert "a cache's copy" in str(caught.value)
        assert fake.document(id)["phone"] == "new"
        assert cached.copies

    def test_after_a_lost_answer_it_tells_nothing_either(
        self, wire: Face, fake: FakeCaibo, cached: Cache, id: int
    ) -> None:
        """Not that nothing was written, so nothing is written again."""
        record = client_record(fake, id)
        fake.lose_response("PUT")

        with pytest.raises(caibo.UnknownOutcomeError, match="Reading back failed"):
            wire.update(id, current=record, phone="new")

        assert methods(fake).count("PUT") == 1
        fake.cache = None
        assert wire.apply(wire.plan(id, phone="new")).outcome == "already-applied"

    def test_a_cache_that_says_nothing_is_not_seen(
        self, client: Face, fake: FakeCaibo, cached: Cache, id: int
    ) -> None:
        """The limit that README names: the other's change is gone."""
        cached.age = cached.mark = None

        client.update(id, phone="new")

        assert fake.document(id)["address"] != "1 Other Street"


def client_record(fake: FakeCaibo, id: int) -> Any:
    return caibo.Document.parse(fake.raw(id))
