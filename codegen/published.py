"""Download what is published of a version, and compare it with what was built.

    python codegen/published.py v0.2.0 dist downloaded

Uses nothing but the standard library, and installs nothing.  An index shows a
new version after some time, so it is asked again.

Exit status: 0 the same files with the same bytes; 1 something else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

PACKAGE = "caibo"
INDEX = "https://pypi.org/simple/"
FORM = "application/vnd.pypi.simple.v1+json"  # https://peps.python.org/pep-0691/
TIMEOUT = 60


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tag", help="such as v0.2.0")
    parser.add_argument("built", type=Path, help="the folder of what was built")
    parser.add_argument("downloaded", type=Path, help="the folder to download to")
    parser.add_argument("--index", default=INDEX, help="where it is published")
    parser.add_argument("--attempts", type=int, default=10, help="how often to ask (10)")
    parser.add_argument("--pause", type=float, default=30, help="seconds in between (30)")
    options = parser.parse_args(argv)
    version = options.tag.removeprefix("v")
    built = digests(options.built)
    options.downloaded.mkdir(parents=True, exist_ok=True)
    problem: object = None
    for attempt in range(options.attempts):
        if attempt:
            time.sleep(options.pause)
        try:
            download(options.index, version, options.downloaded)
        except (OSError, ValueError) as error:
            problem = error
            continue
        found = digests(options.downloaded)
        problem = differences(built, found)
        if not problem or built.keys() <= found.keys():
            break  # what is there stays as it is
    print(f"published: {problem or f'{PACKAGE} {version} is what was built'}")
    return 1 if problem else 0


def download(index: str, version: str, folder: Path) -> None:
    """Download all files of a version.

    Raises:
        OSError: The index, or a file, is not there.
        ValueError: The index says something else than PEP 691.
    """
    page = f"{index.rstrip('/')}/{PACKAGE}/"
    listed = json.loads(_get(page, {"Accept": FORM, "Cache-Control": "no-cache"}))
    for file in listed["files"]:
        name = file["filename"]
        if name.startswith((f"{PACKAGE}-{version}-", f"{PACKAGE}-{version}.tar.")):
            (folder / Path(name).name).write_bytes(_get(urllib.parse.urljoin(page, file["url"])))


def _get(address: str, headers: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(address, headers=headers or {})  # noqa: S310 - as named
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        body: bytes = answer.read()
    return body


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, by its name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


def differences(built: dict[str, str], found: dict[str, str]) -> str:
    """Say which files are missing, are too many, or have other bytes."""
    names = sorted(built.keys() | found.keys())
    return "; ".join(
        f"{name}: built {built.get(name, 'nothing')}, published {found.get(name, 'nothing')}"
        for name in names
        if built.get(name) != found.get(name)
    )


if __name__ == "__main__":
    sys.exit(main())
