"""Test code that uses `caibo`, without the network and without a real customer.

    from caibo.testing import FakeCaibo

    fake = FakeCaibo()
    id = fake.add_customer(email="old@example.com")
    with caibo.Caibo(api_key=fake.api_key, transport=fake.transport) as client:
        client.customers.update(id, email="new@example.com")
    assert fake.document(id)["email"] == "new@example.com"

`FakeCaibo.serve` and ``python -m caibo.testing`` put the same gateway behind a
real socket, `Clock` lets pauses cost no time, and `caibo.testing.plugin` has
pytest fixtures.
"""

from caibo.testing._cache import Cache as Cache
from caibo.testing._clock import Clock as Clock
from caibo.testing._gateway import FakeCaibo as FakeCaibo
from caibo.testing._gateway import FakeServer as FakeServer
from caibo.testing._messages import Headers as Headers
from caibo.testing._messages import Request as Request
from caibo.testing._messages import Response as Response

__all__ = ["Cache", "Clock", "FakeCaibo", "FakeServer", "Headers", "Request", "Response"]
