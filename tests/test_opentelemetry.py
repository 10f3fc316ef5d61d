"""The client under OpenTelemetry's instrumentation of httpx, as it is, with the real SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faces import Connect
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import caibo
from caibo.testing import FakeCaibo, FakeServer

BEFORE = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+12025550143"}
AFTER = {"name": "Grace Hopper", "email": "grace@example.org", "phone": "+12025550199"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Instrument httpx for one test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_each_request_is_one_span_without_customer_data(
    spans: InMemorySpanExporter, connect: Connect, fake: FakeCaibo, server: FakeServer
) -> None:
    """Logins, retries and refusals included; the id in the URL is all that is known."""
    id = fake.add_customer(**BEFORE)
    login = caibo.Login(fake.email, fake.password)
    client = connect(auth=login, base_url=server.base_url, transport=None)
    fake.fail_next(429, headers={"Retry-After": "0"}, method="PUT")

    client.update(id, **AFTER)
    fake.fail_next(400, body={"detail": f"{BEFORE['email']} is taken"}, method="PUT")
    with pytest.raises(caibo.BadRequestError):
        client.update(id, **BEFORE)

    finished = spans.get_finished_spans()
    shown = "\n".join(span.to_json() for span in finished)
    assert [span.name for span in finished] == [request.method for request in fake.requests]
    assert [span.name for span in finished] == ["POST", "GET", "PUT", "PUT", "GET", "PUT"]
    assert f"{server.base_url}/customers/{id}" in shown
    token = fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    for value in (*BEFORE.values(), *AFTER.values(), fake.email, fake.password, token):
        assert value not in shown


def test_the_gateway_is_told_the_trace(
    spans: InMemorySpanExporter, connect: Connect, fake: FakeCaibo, server: FakeServer
) -> None:
    """So that its spans, where it has any, hang below ours."""
    id = fake.add_customer(**BEFORE)

    connect(base_url=server.base_url, transport=None).get(id)

    [span] = spans.get_finished_spans()
    [request] = fake.requests
    assert span.context is not None
    assert (
        f"-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
        in (request.headers["traceparent"])
    )
