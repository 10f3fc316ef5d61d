"""Certificates of an authority of our own: a right one, and those that must be refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "127.0.0.1"


def certificates(folder: Path) -> Path:
    """Write what `liar.py` shows into a folder; return whom the client is to trust."""
    now, known, stranger = datetime.now(UTC), trustme.CA(), trustme.CA()
    year = timedelta(days=365)
    shown = {
        "right": known.issue_cert(HOST),
        "expired": known.issue_cert(HOST, not_before=now - 2 * year, not_after=now - year),
        "not valid yet": known.issue_cert(HOST, not_before=now + year, not_after=now + 2 * year),
        "of another host": known.issue_cert("elsewhere.example"),
        "of nobody known": stranger.issue_cert(HOST),
        "TLS 1.1 only": known.issue_cert(HOST),
        "it wants a certificate": known.issue_cert(HOST),
    }
    for name, issued in shown.items():
        issued.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    trusted = folder / "authority.crt"
    known.cert_pem.write_to_path(str(trusted))
    return trusted
