"""`examine` and `aexamine`: what is asked for, and the file for the record as it was."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from caibo import AsyncCaibo, Caibo, ConfigurationError, Document
from caibo._wire import clock
from caibo.doctor._faces import arun, run
from caibo.doctor._facts import Facts
from caibo.doctor._probes import Examination
from caibo.doctor._report import Report, report


def examine(
    client: Caibo,
    id: int | None = None,
    /,
    *,
    write: bool = False,
    may_stay: bool = False,
    backup: str | os.PathLike[str] | None = None,
    confirm: str | None = None,
) -> Report:
    """Look at a gateway through one customer, and say which of our assumptions hold.

    Without `write` it sends five reads.  With it, it writes to the customer some twenty
    times, restores after each, and compares the record token by token; where it cannot
    restore, it stops.  Name a customer that may be spoilt.

    Args:
        client: what it was made with holds; `observers` hear of each write.
        id: the customer; without one, only what is said of nobody is looked at.
        write: write as well.
        may_stay: try what may leave a member in the record, or take one for good: one
            outside the contract, and one in another spelling.  Never on a live key.
        backup: the file for the record as it was, made with mode 0600 before the first
            write; ``caibo-doctor-ID-TIME.json`` where it is left out.
        confirm: the id once more, as text: needed to write with a credential that is
            not a test key.

    Raises:
        ConfigurationError: the credential may change live data, and `confirm` does not
            say so; or the backup cannot be made; nothing was written.
        CaiboError: the customer cannot be read: no such customer, no right to, no gateway.

    Example:
        >>> report = caibo.doctor.examine(client, 12345)
        >>> report.ok, report.findings["own-id"].verdict
        (True, 'holds')
    """
    facts = _asked(client, Caibo, id, write=write, may_stay=may_stay)
    examination = Examination(client, facts, clock.sleep, partial(_kept, backup, id), confirm)
    return report(run(examination.flow()))


async def aexamine(
    client: AsyncCaibo,
    id: int | None = None,
    /,
    *,
    write: bool = False,
    may_stay: bool = False,
    backup: str | os.PathLike[str] | None = None,
    confirm: str | None = None,
) -> Report:
    """As `examine`, awaited."""
    facts = _asked(client, AsyncCaibo, id, write=write, may_stay=may_stay)
    examination = Examination(client, facts, clock.asleep, partial(_kept, backup, id), confirm)
    return report(await arun(examination.flow()))


def _asked(
    client: object, kind: type[Caibo | AsyncCaibo], id: int | None, *, write: bool, may_stay: bool
) -> Facts:
    if not isinstance(client, kind):
        raise ConfigurationError(f"client must be a caibo.{kind.__name__}")
    if write and id is None:
        raise ConfigurationError("write=True needs a customer: one that may be spoilt")
    if may_stay and not write:
        raise ConfigurationError("may_stay= says what may be written: it needs write=True")
    return Facts(id, write, may_stay)


def _kept(path: str | os.PathLike[str] | None, id: int | None, record: Document) -> str:
    """Write the record down, on the disk before this returns."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = Path(path or f"caibo-doctor-{id}-{now}.json").absolute()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        file = os.open(kept, flags, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(bytes(record))
            out.flush()
            os.fsync(file)
    except OSError as error:
        raise ConfigurationError(
            f"backup: {kept}: {error.strerror}; nothing was written to the customer"
        ) from error
    return str(kept)
