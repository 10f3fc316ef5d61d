"""Tell an answer of the gateway's from a copy that a cache in between has kept of one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from caibo._record.masking import one_line

#: Where squid, nginx, Varnish, Cloudflare, Fastly, Akamai, CloudFront and their like say
#: whether they had a copy.  Not X-Cache-Lookup: squid says HIT there also of a copy that
#: it had to leave aside.
_MARKS = re.compile(
    r"(?:cf|cdn|x-(?:cdn|edge|proxy|nginx|fastcgi|varnish|litespeed|lsadc|qc|vercel|gateway|drupal))"
    r"-cache(?:-status)?|x-cache(?:-status|-remote)?",
)
#: How often a copy was given out; Varnish and Fastly.
_COUNTS = re.compile(r"x-(?:varnish-)?cache-hits")
_SPEAKS = re.compile(rf"age|cache-status|x-varnish|{_COUNTS.pattern}|{_MARKS.pattern}")


def kept_by(headers: Mapping[str, str]) -> str | None:
    """Return the header by which a cache says that an answer is a copy; `None` for a new one.

    A copy that the gateway was asked about, and confirmed, is as good as new.

    Args:
        headers: by name in lower case.
    """
    for name, value in headers.items():
        if _SPEAKS.fullmatch(name) and _is_copy(name, value):
            return f"{'-'.join(map(str.capitalize, name.split('-')))}: {one_line(value, 80)}"
    return None


def _is_copy(name: str, value: str) -> bool:
    pieces = [piece.strip().lower() for piece in value.split(",")]
    match name:
        # It implies that the gateway was not asked: RFC 9111, section 5.1.
        case "age":
            return any(_above_0(piece) for piece in pieces)
        case "cache-status":  # RFC 9211
            return any("hit" in (p.strip() for p in piece.split(";")[1:]) for piece in pieces)
        case "x-varnish":  # the second number is that of the request which filled the cache
            return re.fullmatch(r"\d+ \d+", value.strip(), re.ASCII) is not None
        case _ if _COUNTS.fullmatch(name):
            return any(_above_0(piece) for piece in pieces)
        case _:
            return any(map(_is_hit, pieces))


def _above_0(text: str) -> bool:
    return re.fullmatch(r"\d+", text, re.ASCII) is not None and text.strip("0") != ""


def _is_hit(said: str) -> bool:
    """Read one verdict: "TCP_MEM_HIT from a23-45", "Hit from cloudfront", "STALE"."""
    words = re.findall(r"[a-z]+", said.partition(" from ")[0])
    if "miss" in words or "pass" in words:  # "hit-for-pass": asked for, as there is no copy
        return False
    if "refresh" in words or "revalidated" in words:  # the gateway was asked, if it answered
        return "fail" in words
    old = ("hit", "stale", "updating")
    return any(word in old or (word.endswith("hit") and word != "refreshhit") for word in words)
