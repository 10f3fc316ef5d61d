"""The built site (`nox -s docs`) leads nowhere but to itself, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parents[2] / "site"
PAGES = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
#: What a browser fetches without being asked to.
LOADED = {("img", "src"), ("link", "href"), ("script", "src"), ("iframe", "src")}

if not PAGES:
    pytest.skip("`nox -s docs` builds the site first", allow_module_level=True)


class Page(HTMLParser):
    """Collect what a page is called by, and what it refers to."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed((SITE / path).read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.append(value or "")
            elif (tag, name) in LOADED:
                self.loaded.append(value or "")


@pytest.fixture(scope="module")
def site() -> dict[str, Page]:
    return {path: Page(path) for path in PAGES}


def lost(site: dict[str, Page], path: str) -> Iterator[str]:
    """Name the links of a page that lead to no file, or to no place in it."""
    for link in site[path].links:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        there = (SITE / path).parent / unquote(parts.path) if parts.path else SITE / path
        name = there.resolve().relative_to(SITE.resolve()).as_posix()
        known = site.get(name)
        if not there.is_file() or (parts.fragment and known and parts.fragment not in known.ids):
            yield link


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(site: dict[str, Page], path: str) -> None:
    """To a file of the site, and where it says so, to a place on that page."""
    assert [link for link in lost(site, path) if link != "#"] == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_loaded_from_elsewhere(site: dict[str, Page], path: str) -> None:
    """No font, no script, no picture: the site can be read without a network."""
    assert [url for url in site[path].loaded if urlsplit(url).netloc] == []


def test_no_style_loads_from_elsewhere() -> None:
    """Fonts would be the usual ones."""
    styles = [path.read_text("utf-8") for path in SITE.rglob("*.css")]

    assert styles
    assert [style for style in styles if "url(http" in style or "@import" in style] == []


def test_nothing_private_is_in_the_reference(site: dict[str, Page]) -> None:
    """What begins with an underscore may be gone tomorrow."""
    names = {name for page in site.values() for name in page.ids if name.startswith("caibo.")}
    parts = [name for name in names if any(part[:1] == "_" for part in name.split("."))]

    assert len(names) > 200
    assert parts == ["caibo.__version__"]
