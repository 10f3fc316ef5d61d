"""`nox -s fetch_spec` makes `openapi.yaml` from the vendor's pages, or leaves it as it was."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fetch_spec
import pytest
import spec_sources
from documents import load

ROOT = Path(__file__).parents[2]
PUBLISHED = (ROOT / "openapi.yaml").read_text("utf-8")

READ = """\
openapi: 3.0.4
info:
  title: FinHub API
  description: >-
    FinHub API provides services for the Caibo platform to support client's
    applications
  version: v1
servers:
  - url: https://apay.caibo.digital
    description: Caibo APay server (Test and Production share base; method IDs differ)
security: []
paths:
  /customers/{id}:
    get:
      summary: "Read"
      responses:
        '200':
          description: OK
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Client'
  /customers:
    post:
      responses:
        '201':
          description: >-
            Made, with an
            id
components:
  schemas:
    Created:
      type: object
"""


def page(block: str, fence: str = "````", info: str = "yaml api PUT /customers/{id}") -> str:
    """A page as the vendor's: prose, blocks that are none of ours, and the contract at the end."""
    return (
        "> ## Documentation Index\n> Fetch it.\n\n# Update Customer\n\n"
        "```javascript theme={null}\nconst options = { method: 'PUT' };\n```\n\n"
        '```json theme={null}\n{\n  "title": "Bad Request"\n}\n```\n\n'
        f"## OpenAPI\n\n{fence}{info}\n{block}{fence}"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the contract as it is today."""
    (tmp_path / "openapi.yaml").write_text(PUBLISHED)
    return tmp_path


@pytest.fixture
def put(folder: Path) -> Callable[[str, str], str]:
    """Write a source and give its path."""

    def write(name: str, text: str) -> str:
        (folder / name).write_text(text, "utf-8")
        return str(folder / name)

    return write


Put = Callable[[str, str], str]


def run(folder: Path, *arguments: str) -> int:
    return fetch_spec.main([*arguments, "--output", str(folder / "openapi.yaml")])


def made(folder: Path) -> str:
    return (folder / "openapi.yaml").read_bytes().decode()


def written(folder: Path) -> tuple[int, int]:
    """Give what becomes another when the file is written."""
    found = (folder / "openapi.yaml").stat()
    return found.st_ino, found.st_mtime_ns


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run with a source that cannot be used; everything is as before, and one line says why."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert run(folder, *arguments) == 1

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith("fetch_spec: ")
    assert "Traceback" not in said
    return said


# Pages and documents


@pytest.mark.parametrize("fence", ["```", "````", "~~~", "~~~~~~~"])
@pytest.mark.parametrize("info", ["yaml api PUT /customers/{id}", "yaml", "", "YAML theme={null}"])
def test_a_page_gives_the_block_byte_for_byte(
    folder: Path, put: Put, fence: str, info: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever fence and info string the vendor uses, the text is taken as published."""
    (folder / "openapi.yaml").unlink()

    assert run(folder, put("page.md", page(PUBLISHED, fence, info))) == 0

    assert made(folder) == PUBLISHED
    assert capsys.readouterr().out == "openapi.yaml: a new file\n"


def test_an_unchanged_page_changes_nothing(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is not even written again."""
    before = written(folder)

    assert run(folder, put("page.md", page(PUBLISHED))) == 0

    assert written(folder) == before
    assert capsys.readouterr().out == "openapi.yaml: unchanged\n"


@pytest.mark.parametrize("text", [page(PUBLISHED), PUBLISHED])
def test_line_ends_do_not_matter(folder: Path, text: str) -> None:
    """What comes with CRLF and a byte order mark is the same contract."""
    source = folder / "source"
    source.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())

    assert run(folder, str(source)) == 0

    assert made(folder) == PUBLISHED


def test_a_yaml_document_is_taken_as_it_is(folder: Path, put: Put) -> None:
    """Comments, order and quotes stay; fences in its descriptions are no blocks."""
    text = (
        READ.replace('"Read"', "|\n        ```yaml\n        openapi: 3.0.0\n        ```\n")
        + "# x\n"
    )

    assert run(folder, put("api.yml", text)) == 0

    assert made(folder) == text


def test_a_json_document_becomes_yaml(folder: Path, put: Put) -> None:
    """It says the same, and again gives the same text."""
    source = put("api.json", json.dumps(load(READ)))

    run(folder, source)
    first = made(folder)
    run(folder, source)

    assert first == made(folder)
    assert first.startswith("openapi: 3.0.4\n")
    assert load(first) == load(READ)


def test_the_same_block_twice_is_one(folder: Path, put: Put) -> None:
    """A page may repeat its block, and a page may be named twice."""
    source = put("page.md", page(PUBLISHED) + "\n\n" + page(PUBLISHED))

    assert run(folder, source, source) == 0

    assert made(folder) == PUBLISHED


# Several sources


def test_pages_are_united(folder: Path, put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    """Paths, operations of one path and components come together, in the texts' own format."""
    run(folder, put("put.md", page(PUBLISHED)), put("get.md", page(READ)))

    united = load(made(folder))
    assert united["paths"].keys() == {"/customers/{id}", "/customers"}
    assert united["paths"]["/customers/{id}"].keys() == {"put", "get"}
    assert united["components"]["schemas"].keys() == {"Client", "ProblemDetails", "Created"}
    assert '      summary: "Read"\n' in made(folder)
    assert "          description: >-\n            Made, with an\n            id\n" in made(folder)
    assert capsys.readouterr().out.splitlines() == [
        "openapi.yaml: changed",
        "  added: GET /customers/{id}",
        "  added: POST /customers",
        "  added: components.schemas.Created",
    ]


def test_the_order_of_the_sources_does_not_matter(folder: Path, put: Put) -> None:
    """Every order of three pages gives the same bytes, and so does a second run."""
    third = READ.replace("/customers:", "/payments:").replace("    get:", "    delete:")
    sources = [
        put("a.md", page(PUBLISHED)),
        put("b.md", page(READ)),
        put("c.md", page(third)),
    ]

    texts = set()
    for order in itertools.permutations(sources):
        assert run(folder, *order) == 0
        texts.add(made(folder))

    assert len(texts) == 1


def test_what_was_united_can_be_a_source(folder: Path, put: Put) -> None:
    """A page that adds nothing to a document leaves the document's text as it is."""
    run(folder, put("put.md", page(PUBLISHED)), put("get.md", page(READ)))
    united = put("united.yaml", made(folder))

    assert run(folder, put("get.md", page(READ)), united) == 0

    assert made(folder) == (folder / "united.yaml").read_text()


def test_uniting_leaves_the_lines_of_the_pages_alone(folder: Path, put: Put) -> None:
    """A second page shows as added lines only, so a reviewer sees what is new."""
    run(folder, put("put.md", page(PUBLISHED)), put("get.md", page(READ)))

    lines = iter(made(folder).splitlines())
    assert all(line in lines for line in PUBLISHED.rstrip().splitlines())
    assert "\n\n" not in made(folder)


def test_a_component_in_two_versions_is_shown(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two pages that disagree are not mixed; the message has the difference."""
    other = PUBLISHED.replace("maxLength: 20\n", "maxLength: 30\n").replace("put:", "patch:")

    said = refused(folder, capsys, put("a.md", page(PUBLISHED)), put("b.md", page(other)))

    assert "components.schemas.Client is in two versions" in said
    assert '-      "maxLength": 20,' in said
    assert '+      "maxLength": 30,' in said
    assert "a.md" in said
    assert "b.md" in said


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("    put:\n", "    put:\n      deprecated: true\n", "PUT /customers/{id}"),
        ("version: v1", "version: v2", "info"),
        ("https://apay.caibo.digital", "https://elsewhere.example", "servers"),
        ("openapi: 3.0.4", "openapi: 3.0.1", "openapi"),
        # Without it the other page's operations would fall under this page's.
        ("security: []\n", "", "security"),
        ("    put:\n", "    summary: x\n    put:\n", "path /customers/{id}"),
        # True is no 1, although Python takes them for equal.
        ("minLength: 0", "minLength: false", "components.schemas.Client"),
    ],
)
def test_anything_else_in_two_versions_is_refused(
    folder: Path, put: Put, old: str, new: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what stands beside paths and components, and where one page lacks it."""
    assert old in PUBLISHED
    other = put("b.md", page(PUBLISHED.replace(old, new)))

    said = refused(folder, capsys, put("a.md", page(PUBLISHED)), other)

    assert f"fetch_spec: {name} is in two versions" in said


def test_two_blocks_of_a_page_that_disagree_are_refused(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the lines of the two blocks."""
    other = PUBLISHED.replace("maxLength: 20\n", "maxLength: 30\n")

    said = refused(folder, capsys, put("a.md", page(PUBLISHED) + "\n\n" + page(other)))

    assert "components.schemas.Client is in two versions" in said
    assert "a.md, line 18" in said
    assert "a.md, line 173" in said


# What has changed


def test_it_says_what_has_changed(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """Operations and components by name, so that a log tells whether to look."""
    text = (
        PUBLISHED.replace("maxLength: 20\n", "maxLength: 30\n")
        .replace("    put:", "    patch:")
        .replace("    ProblemDetails:\n", "    Problem:\n")
        .replace("schemas/ProblemDetails", "schemas/Problem")
    )

    run(folder, put("page.md", page(text)))

    assert capsys.readouterr().out.splitlines() == [
        "openapi.yaml: changed",
        "  added: PATCH /customers/{id}",
        "  changed: components.schemas.Client",
        "  added: components.schemas.Problem",
        "  removed: PUT /customers/{id}",
        "  removed: components.schemas.ProblemDetails",
    ]


def test_a_change_of_the_text_alone_is_called_that(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comment or another quote is taken over, but it is no change of the contract."""
    run(folder, put("page.md", page(PUBLISHED.replace("'200'", "200"))))

    assert "only the text has changed" in capsys.readouterr().out
    assert "        200:\n" in made(folder)


def test_a_broken_file_can_be_replaced(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in `openapi.yaml` does not keep the contract from being fetched."""
    (folder / "openapi.yaml").write_bytes(b"\xff{")

    assert run(folder, put("page.md", page(PUBLISHED))) == 0

    assert made(folder) == PUBLISHED
    assert "no OpenAPI document" in capsys.readouterr().out


# Bad input


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# Moved\n\nSee elsewhere.\n", "no page with a fenced block"),
        ("", "no page with a fenced block"),
        (page("title: x\n"), "no fenced block of the page is an OpenAPI document"),
        ("\n<!DOCTYPE html>\n<html></html>", "HTML instead of Markdown"),
        ("<HTML lang='en'>", "HTML instead of Markdown"),
        (page("openapi: 3.0.4\npaths: {\n"), "page.md, line 18: not valid YAML: line 3: "),
        (page("openapi: 3.0.4\nopenapi: 3.0.4\n"), "not valid YAML: line 2: found duplicate key"),
        (page('{\n"openapi": "3.0.4",\n}\n'), "not valid JSON"),
        (page('{"openapi": "3.0.4", "openapi": "3.0.4"}\n'), "same key twice"),
        (page("swagger: '2.0'\n"), "OpenAPI 3 is needed, this says '2.0'"),
        (page("openapi: 3.0\n"), "OpenAPI 3 is needed, this says 3.0"),
        ("---\nopenapi: PUT /customers/{id}\n", "this says 'PUT /customers/{id}'"),
        (page("openapi: 3.0.4\npaths: {}\n"), "`info` is missing"),
        (page("openapi: 3.0.4\ninfo: {}\npaths: {}\n"), "there is no path in it"),
        (page("openapi: 3.0.4\ninfo: {}\npaths: [1]\n"), "`paths` must map"),
        (page("openapi: 3.0.4\ninfo: {}\npaths: {customers: {}}\n"), "`paths` must map"),
        (page(PUBLISHED.replace("  schemas:\n", "  x: 1\n  schemas:\n")), "`components` must map"),
        (page(PUBLISHED.replace("#/comp", "other.yaml#/comp")), "$ref leads out of the document"),
        (page("openapi: 3.0.4\na: &a [x]\nb: [*a, *a]\n"), "line 3: aliases are not taken"),
        ("openapi: 3.0.4\na: " + "[" * 10_000, "nested too deeply"),
        (page(PUBLISHED.replace("20\n", ".nan\n")), "a value that JSON has not: Out of range"),
        (page(PUBLISHED.replace("20\n", "!!binary aGk=\n")), "a value that JSON has not: Object"),
        (json.dumps(load(READ)).replace("201", "\\ud800"), "a value that JSON has not: 'utf-8'"),
        (page("openapi: 3.0.4\nx: !!python/name:os.system\n"), "could not determine a constructor"),
        (page("openapi: 3.0.4\n200: a\n'200': b\n"), "has the same key twice: '200'"),
        (page(PUBLISHED.replace("servers:", "x-servers:")), "`servers` must list"),
        (page(PUBLISHED.replace("  - url: https:", "  - uri: https:")), "`servers` must list"),
    ],
)
def test_what_is_no_contract_is_refused(
    folder: Path, put: Put, text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names the source, where in it, and what is wrong."""
    said = refused(folder, capsys, put("page.md", text))

    assert why in said
    assert "page.md" in said
    assert said.count("\n") == 1


def test_a_key_that_is_there_twice_shows_neither_value(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """The values may be half of the contract."""
    twice = PUBLISHED + PUBLISHED[PUBLISHED.index("components:") :]

    said = refused(folder, capsys, put("page.md", page(twice)))

    assert 'found duplicate key "components"' in said
    assert "maxLength" not in said


FENCES = ["```", "````", "~~~"]


@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize("lines", [*range(1, PUBLISHED.count("\n"), 12), PUBLISHED.count("\n")])
def test_a_page_that_is_cut_off_is_refused(
    folder: Path, put: Put, fence: str, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever the cut falls, as long as the fence is open there; some rests are valid."""
    text = page(PUBLISHED, fence)
    start = text.index(PUBLISHED)
    kept = text[:start] + "".join(PUBLISHED.splitlines(keepends=True)[:lines])

    said = refused(folder, capsys, put("page.md", kept))

    assert "page.md, line 18: the fence that opens here never closes" in said


@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize("end", ["", "\n", "  \n", "\n\n## More\n", "`\n"])
def test_a_fence_may_close_in_any_way_that_markdown_knows(
    folder: Path, put: Put, fence: str, end: str
) -> None:
    """With white space after it, with more signs than it opened with, with text below."""
    longer = end.replace("`", fence[0])

    assert run(folder, put("page.md", page(PUBLISHED, fence) + longer)) == 0

    assert made(folder) == PUBLISHED


def test_a_fence_in_a_description_closes_nothing(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands further to the right; a page that is cut off there is cut off."""
    text = READ.replace('"Read"', "|\n        ```json\n        {}\n        ```")
    whole = page(text, "```")
    cut = whole[: whole.index("        ```\n", whole.index("json\n        {}")) + 12]

    assert "never closes" in refused(folder, capsys, put("page.md", cut))


@pytest.mark.parametrize("lines", [1, 3, 9, 11, 15])
def test_a_document_that_is_cut_off_is_refused(
    folder: Path, put: Put, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a page around it, it is told by what we have: its rest is missing, and no more."""
    kept = PUBLISHED.rstrip().splitlines()[:-lines]

    said = refused(folder, capsys, put("api.yaml", "\n".join(kept)))

    assert f"api.yaml, line {len(kept)}: ends in the middle of openapi.yaml" in said


def test_what_is_not_utf_8_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first byte that is wrong is named."""
    (folder / "page.md").write_bytes(page(PUBLISHED).replace("Customer", "Kundé").encode("latin-1"))

    assert "not UTF-8, at byte" in refused(folder, capsys, str(folder / "page.md"))


@pytest.mark.parametrize(("name", "why"), [("none.md", "No such file"), ("", "Is a directory")])
def test_what_cannot_be_read_is_named(
    folder: Path, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file is no traceback."""
    assert why in refused(folder, capsys, str(folder / name))


def test_one_bad_source_spoils_them_all(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written while a source is missing: the contract would lose its part."""
    refused(folder, capsys, put("get.md", page(READ)), put("bad.md", "# Moved"))


def test_a_file_that_is_too_large_is_refused(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bound is there before anything is parsed."""
    source = put("page.md", page(PUBLISHED) + " " * spec_sources.LIMIT)

    assert "more than 4 MiB" in refused(folder, capsys, source)


def test_what_cannot_be_written_is_named(
    folder: Path, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    """A target that cannot be replaced leaves nothing beside it."""
    (folder / "openapi.yaml").unlink()
    source = put("page.md", page(READ))
    output = folder / "none" / "openapi.yaml"

    assert fetch_spec.main([source, "--output", str(output)]) == 1

    assert f"{output}: No such file" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["page.md"]


# Addresses


class Site(ThreadingHTTPServer):
    """A web site on loopback that answers what a test has put there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.over = threading.Event()

    def put(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> str:
        body = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = status, named, body
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Accept-Encoding")))
        if self.path == "/silent":
            self.server.over.wait(30)
            return
        status, headers, body = self.server.pages[self.path.partition("?")[0]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
            while self.path == "/drip" and not self.server.over.wait(0.01):
                self.wfile.write(b" ")
        except OSError:
            # The client has hung up.
            return


@pytest.fixture
def site() -> Iterator[Site]:
    """Run a site while the test runs."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy has no business with loopback."""
    monkeypatch.setenv("NO_PROXY", "*")


def test_a_page_is_fetched(folder: Path, site: Site) -> None:
    """An address is as good as a file, whatever type the server gives it."""
    (folder / "openapi.yaml").unlink()
    address = site.put("/update.md", page(PUBLISHED), Content_Type="text/html")

    assert run(folder, address) == 0

    assert made(folder) == PUBLISHED
    assert site.asked == [("/update.md", "identity")]


def test_a_file_and_an_address_are_united(folder: Path, put: Put, site: Site) -> None:
    """Sources of all kinds can be mixed."""
    assert run(folder, put("put.md", page(PUBLISHED)), site.put("/get.md", page(READ))) == 0

    assert load(made(folder))["paths"].keys() == {"/customers/{id}", "/customers"}


def test_a_redirect_on_the_same_host_is_followed(folder: Path, site: Site) -> None:
    """Pages move within a site."""
    site.put("/new.md", page(READ))
    address = site.put("/old.md", status=308, Location="/new.md")

    assert run(folder, address) == 0

    assert made(folder) == READ


@pytest.mark.parametrize(
    "target", ["http://localhost:1/new.md", "https://127.0.0.1/new.md", "//example.com/new.md"]
)
def test_a_redirect_to_another_host_is_refused(
    folder: Path, site: Site, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another host, port or scheme is not what the caller named; it is never asked."""
    address = site.put("/old.md", status=302, Location=target)

    assert "redirects to another host" in refused(folder, capsys, address)


def test_redirects_in_a_circle_end(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """After five of them that is said."""
    address = site.put("/old.md", status=302, Location="/old.md")

    assert "more than 5 redirects" in refused(folder, capsys, address)
    assert len(site.asked) == 6


@pytest.mark.parametrize("status", [204, 404, 429, 500, 503])
def test_an_error_of_the_server_is_named(
    folder: Path, site: Site, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where the error comes with a contract in its body."""
    address = site.put("/page.md", page(PUBLISHED), status=status)

    assert f"answered {status} " in refused(folder, capsys, address)


def test_html_from_a_server_is_refused(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address of the page for people is the likely mistake, and the remedy is named."""
    address = site.put("/page", "<!doctype html><pre>" + page(PUBLISHED))

    assert "`.md` address" in refused(folder, capsys, address)


def test_a_page_without_end_is_cut_off(
    folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reading stops at the bound, whatever length the server gives."""
    monkeypatch.setattr(spec_sources, "LIMIT", 2 * 1024**2)
    address = site.put("/page.md", b" " * (8 * 1024**2))

    assert "more than 2 MiB" in refused(folder, capsys, address)


def test_a_compressed_page_is_refused(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """We asked for it plain, as the bound is on what was received."""
    address = site.put("/page.md", gzip.compress(b" " * 1024**2), Content_Encoding="gzip")

    assert "compressed (gzip)" in refused(folder, capsys, address)


@pytest.mark.parametrize("path", ["/silent", "/drip"])
def test_a_server_that_takes_too_long_is_left(
    folder: Path, site: Site, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that says nothing, and one that says a little all the time."""
    address = site.put(path)

    said = refused(folder, capsys, address, "--timeout", "0.2")

    assert "no complete answer within 0.2 s" in said


def test_a_server_that_is_not_there_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is no traceback."""
    with Site() as gone:
        address = gone.put("/page.md")

    assert f"{address}: " in refused(folder, capsys, address)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://docs.example/page.md", "only https is fetched"),
        ("http://10.0.0.1/page.md", "only https is fetched"),
        ("ftp://127.0.0.1/page.md", "only https is fetched"),
        ("file:///etc/passwd", "only https is fetched"),
        ("https://ada:secret@127.0.0.1/page.md", "must not hold credentials"),
        ("https://127.0.0.1:no/page.md", "not an address"),
    ],
)
def test_an_address_that_we_do_not_fetch_is_refused(
    folder: Path, address: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent in the clear to another machine, and no credentials at all."""
    said = refused(folder, capsys, address)

    assert why in said
    assert "secret" not in said


def test_a_query_is_sent_and_not_shown(
    folder: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may hold a token, and messages end up in logs."""
    address = site.put("/page.md", "# Moved")

    assert "abc" not in refused(folder, capsys, address + "?token=abc")
    assert site.asked[0][0] == "/page.md?token=abc"
