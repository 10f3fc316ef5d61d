"""The built site (`nox -s docs`) in a real browser, headless: `nox -s site`."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright import sync_api
else:
    sync_api = pytest.importorskip("playwright.sync_api")

SITE = Path(__file__).parents[2] / "site"
PAGES = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
READ = [path for path in PAGES if path not in ("search.html", "genindex.html")]
SCHEMES = ["light", "dark"]
BRIGHTNESS = """() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    return (r + g + b) / 3;
}"""

if not PAGES:
    pytest.skip("`nox -s docs` builds the site first", allow_module_level=True)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the site on loopback."""
    handler = functools.partial(Quiet, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[sync_api.Browser]:
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    # Chromium has no sandbox for root.
    arguments = ["--no-sandbox"] * (os.name == "posix" and os.geteuid() == 0)
    with sync_api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=installed, args=arguments)
        except sync_api.Error as error:
            if installed:
                raise
            pytest.skip(f"no Chromium on this machine: {str(error).splitlines()[0]}")
        yield started
        started.close()


class Visit:
    """A page of a new visitor's, and what went wrong while it was open."""

    def __init__(self, page: sync_api.Page, address: str) -> None:
        self.page, self.address = page, address
        self.wrong: list[str] = []
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        page.on("requestfailed", self.failed)
        page.on("response", self.answered)
        page.on("request", self.asked)

    def asked(self, request: sync_api.Request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.wrong.append(f"from elsewhere: {request.url}")

    def answered(self, response: sync_api.Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def failed(self, request: sync_api.Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # which is a visitor who goes on
            self.wrong.append(f"{request.failure}: {request.url}")

    def open(self, path: str) -> sync_api.Page:
        self.page.goto(f"{self.address}/{path}")
        return self.page


@pytest.fixture
def visit(
    browser: sync_api.Browser, address: str, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """Open a window as the test's marker `visitor` says."""
    marker = request.node.get_closest_marker("visitor")
    context = browser.new_context(**(marker.kwargs if marker else {}))
    yield Visit(context.new_page(), address)
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_a_mistake(visit: Visit, path: str) -> None:
    """No script fails, nothing is missing, and nothing comes from elsewhere."""
    page = visit.open(path)

    assert page.locator(".main").is_visible()
    assert visit.wrong == []


def test_every_page_is_reached_by_its_links(visit: Visit) -> None:
    """From the front, and every link is answered."""
    reached: set[str] = set()
    waiting = ["index.html"]
    while waiting:
        path = waiting.pop()
        reached.add(path)
        page = visit.open(path)
        links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href.split('#')[0])")
        for link in set(links):
            there = link.removeprefix(f"{visit.address}/") or "index.html"
            if link.startswith(visit.address) and there not in reached:
                if there.endswith(".html"):
                    waiting.append(there)
                else:
                    assert visit.page.request.get(link).ok
                reached.add(there)

    assert set(READ) <= reached
    assert visit.wrong == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("UnknownOutcomeError", "reference/errors.html"),
        ("proxy_next_upstream", "connections.html"),
        ("lifespan", "cookbook.html"),
    ],
)
def test_the_search_finds_what_is_there(visit: Visit, words: str, found: str) -> None:
    """From the field that each page has."""
    page = visit.open("start.html")
    page.locator("input[name=q]").fill(words)
    page.keyboard.press("Enter")

    page.locator("#search-results a").first.wait_for()
    page.locator("#search-results p.search-summary").wait_for()

    links = page.eval_on_selector_all("#search-results a", "all => all.map(a => a.href)")
    assert any(f"/{found}" in link for link in links)
    assert visit.wrong == []


@pytest.mark.parametrize(
    "scheme", [pytest.param(s, marks=pytest.mark.visitor(color_scheme=s)) for s in SCHEMES]
)
def test_the_page_is_as_light_as_the_visitor_likes(visit: Visit, scheme: str) -> None:
    """And a click turns it over; the next page remembers."""
    page = visit.open("index.html")
    assert (page.evaluate(BRIGHTNESS) > 127) is (scheme == "light")

    other = page.evaluate(BRIGHTNESS)
    for _ in range(3):  # as the system says, light, dark
        page.locator("button.theme-toggle:visible").first.click()
        other = page.evaluate(BRIGHTNESS)
        if (other > 127) is not (scheme == "light"):
            break

    page = visit.open("errors.html")
    assert page.evaluate(BRIGHTNESS) == other
    assert (other > 127) is not (scheme == "light")


@pytest.mark.visitor(java_script_enabled=False, color_scheme="dark")
def test_all_but_the_search_works_without_scripts(visit: Visit) -> None:
    """Text, navigation and the dark of the visitor's system."""
    page = visit.open("index.html")
    for link in ("Start", "Outcomes and errors", "Verbs"):
        page.locator(".sidebar-tree a", has_text=link).first.click()
        assert page.locator("article h1").first.inner_text().startswith(link)
    page.locator("article td a[href='#change-update']").click()
    assert page.url.endswith("verbs.html#change-update")
    assert page.locator("#change-update").is_visible()
    assert page.evaluate(BRIGHTNESS) < 128
    assert not page.locator("button.theme-toggle").first.is_visible()
    page.goto(f"{visit.address}/search.html")
    assert "JavaScript" in page.locator("article").inner_text()


@pytest.mark.parametrize("path", READ)
@pytest.mark.visitor(viewport={"width": 380, "height": 800})
def test_a_page_fits_a_telephone(visit: Visit, path: str) -> None:
    """What is wider, such as a table, is moved by itself."""
    page = visit.open(path)

    assert page.evaluate("document.scrollingElement.scrollWidth") <= 380
