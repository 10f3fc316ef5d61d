"""The lock of the engine under Ctrl-C, which Python 3.14 lets fall between lock and block."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest

from caibo._wire.local import Guard


class TestByHand:
    """As the interrupts do that fall into it, in one place each."""

    @pytest.mark.parametrize("had", [True, False])
    def test_it_is_free(self, *, had: bool) -> None:
        """The interrupt comes before it is taken, or after."""

        class Interrupted(Guard):  # type: ignore[misc]
            def acquire(self, *_: object) -> bool:
                if had:
                    super().acquire()
                raise KeyboardInterrupt

        guard = Interrupted()

        with pytest.raises(KeyboardInterrupt), guard:
            pass

        with ThreadPoolExecutor(1) as other:
            assert other.submit(Guard.acquire, guard, timeout=5).result()


@pytest.mark.untraced
@pytest.mark.usefixtures("alarm")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers there")
class TestInterrupted:
    def test_it_is_free_wherever_the_interrupt_falls(self) -> None:
        """Of a plain lock, Python 3.14 leaves more than half of these locked."""
        guard = Guard()

        for n in range(200):
            with suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 2e-5 + n * 1e-6)
                while True:
                    with guard:
                        pass

        with ThreadPoolExecutor(1) as other:
            assert other.submit(guard.acquire, timeout=5).result()

    def test_who_waits_for_it_takes_none_of_others(self) -> None:
        """The interrupt comes out, and the lock stays with the thread that has it."""
        guard, locked, over = Guard(), Event(), Event()

        def hold() -> None:
            with guard:
                locked.set()
                over.wait(30)

        with ThreadPoolExecutor(1) as other:
            held = other.submit(hold)
            locked.wait(30)

            signal.setitimer(signal.ITIMER_REAL, 0.01)
            with pytest.raises(KeyboardInterrupt), guard:
                pass

            assert not guard.acquire(blocking=False)
            over.set()
            held.result(30)
