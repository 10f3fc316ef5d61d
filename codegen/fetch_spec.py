"""Write `openapi.yaml` from the vendor's pages or OpenAPI documents.

    nox -s fetch_spec -- SOURCE...    each a file or an address

A source is a page (Markdown with a fenced OpenAPI block) or an OpenAPI document
(YAML or JSON).  Of one source the text is taken as published; several are
united, and the order in which they are named makes no difference.

Exit status: 0 done, also when nothing has changed; 1 a source cannot be used or
two of them disagree, and `openapi.yaml` is as it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from documents import DocumentError, load
from spec_merge import ConflictError, merge, pieces, printable, title
from spec_sources import Part, SourceError, parts

OUTPUT = Path(__file__).parents[1] / "openapi.yaml"


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="+", help="a file or an address")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="instead of openapi.yaml")
    parser.add_argument(
        "--timeout", type=float, default=30, metavar="SECONDS", help="for each address (30)"
    )
    options = parser.parse_args(argv)
    try:
        found = [part for source in options.source for part in parts(source, options.timeout)]
        text = merge(found)
        _check_end(found, options.output)
        said = list(_put(options.output, text))
    except (SourceError, ConflictError) as error:
        print(f"fetch_spec: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"fetch_spec: {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{options.output.name}: {', '.join(said) if len(said) == 1 else 'changed'}")
    for line in said if len(said) > 1 else ():
        print(f"  {line}")
    return 0


def _check_end(found: Iterable[Part], output: Path) -> None:
    """Refuse a document without a page around it that is the beginning of what we have.

    Nothing in YAML tells the end of a document from the place where it was cut off.
    """
    present = output.read_text("utf-8", "replace").rstrip() if output.exists() else ""
    for part in found:
        text = part.text.rstrip()
        if not part.fenced and len(text) < len(present) and present.startswith(text):
            raise SourceError(
                f"{part.origin}, line {len(text.splitlines())}: ends in the middle of "
                f"{output.name}: the document is cut off; if it is whole, put it there by hand"
            )


def _put(output: Path, text: str) -> Iterator[str]:
    """Replace the file in one step, if it differs, and say what has changed."""
    new = text.encode()
    old = output.read_bytes() if output.exists() else None
    if new == old:
        yield "unchanged"
        return
    beside = output.with_name(f".{output.name}.new")
    try:
        beside.write_bytes(new)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    yield from changes(old, text)


def changes(old: bytes | None, new: str) -> Iterator[str]:
    """Name the pieces that are added, removed or changed."""
    if old is None:
        yield "a new file"
        return
    try:
        before = pieces(load(old.decode()))
    except (DocumentError, UnicodeDecodeError, AttributeError):
        yield "replaces a file that was no OpenAPI document"
        return
    after = pieces(load(new))
    if before == after:
        yield "only the text has changed, not what it says"
    for address in after | before:
        name = printable(title(address))
        if {before.get(address, "{}"), after.get(address, "{}")} == {"{}"}:
            # A path that has nothing but operations, which are named themselves.
            continue
        if address not in before:
            yield f"added: {name}"
        elif address not in after:
            yield f"removed: {name}"
        elif before[address] != after[address]:
            yield f"changed: {name}"


if __name__ == "__main__":
    sys.exit(main())
