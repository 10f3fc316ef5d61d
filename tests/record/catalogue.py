"""All faults, by name."""

from __future__ import annotations

from record import framing, telling
from record.faults import Fault

FAULTS: dict[str, Fault] = {
    f"{fault.kind}: {fault.name}": fault
    for fault in (
        *framing.CONNECTION,
        *framing.SILENCE,
        *framing.STRANGERS,
        *framing.STATUS_LINES,
        *framing.HEADER_LINES,
        *framing.LENGTHS,
        *framing.INTERIM,
        *framing.ENCODINGS,
        *framing.TLS,
        *telling.STATUSES,
        *telling.PAGES,
        *telling.BODIES,
        *telling.ECHOES,
        *telling.CACHED,
    )
}
