"""`examples/`: each script as its reader runs it, in a process, over a socket."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from faces import methods

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[1] / "examples"
# `redis_lock` and `celery_bulk` need a server: see `tests/independent/test_redis.py`, and
# `test_celery_bulk.py` there.
ELSEWHERE = ("demo", "redis_lock", "celery_bulk")
SCRIPTS = [path.stem for path in sorted(EXAMPLES.glob("*.py")) if path.stem not in ELSEWHERE]

# A checkout may be on the path only; Windows opens no socket without its SYSTEMROOT.
KEPT = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "SYSTEMROOT")}

TYPING = shutil.which("bash") and shutil.which("curl")

Run = Callable[..., subprocess.CompletedProcess[str]]


def start(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example with an environment that has nothing of ours but what it needs."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *map(str, arguments)],
        env={**KEPT, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.fixture
def run(fake: FakeCaibo, server: FakeServer) -> Run:
    """Run an example against the served gateway, with its key unless another is given."""

    def run(name: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        reached = {"CAIBO_BASE_URL": server.base_url, "CAIBO_API_KEY": fake.api_key}
        return start(name, *arguments, **{**reached, **more})

    return run


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer()


def outcome(result: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return result.returncode, result.stdout, result.stderr


class TestAllScripts:
    @pytest.mark.skipif(not TYPING, reason="needs bash and curl, as whoever types them does")
    @pytest.mark.parametrize("name", SCRIPTS)
    def test_the_commands_in_the_docstring_work(
        self, name: str, fake: FakeCaibo, server: FakeServer, id: int, tmp_path: Path
    ) -> None:
        """Typed as they stand, but for the port."""
        text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text("utf-8")))
        first, *lines = re.findall("^    (.+)", text or "", re.MULTILINE)
        typed = "\n".join(lines).replace("http://127.0.0.1:8765", server.base_url)
        typed = typed.replace("python ", f"{shlex.quote(sys.executable)} ")
        (tmp_path / "examples").symlink_to(EXAMPLES)

        result = subprocess.run(
            ["bash", "-ec", typed],
            cwd=tmp_path,
            env=KEPT,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

        assert first == "python -m caibo.testing --port 8765"
        assert (result.returncode, result.stderr) == (0, "")
        assert "PUT" in methods(fake)[-2:]
        assert f"{id}" in result.stdout or "1 accepted" in result.stdout

    @pytest.mark.parametrize("name", [*SCRIPTS, *ELSEWHERE])
    def test_help_needs_nothing(self, name: str) -> None:
        """No key, no gateway."""
        if name == "celery_bulk":
            pytest.importorskip("celery", reason="`nox -s redis` has it")
            pytest.importorskip("redis")
        result = start(name, "--help")

        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(f"usage: {name}.py [-h]")

    @pytest.mark.parametrize("name", [*SCRIPTS, *ELSEWHERE])
    def test_only_the_public_surface_is_used(self, name: str) -> None:
        """A reader may copy every line."""
        text = (EXAMPLES / f"{name}.py").read_text("utf-8")

        assert not re.search(r"caibo\w*\._(?!_version__)|from caibo import|caibo_api", text)

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("update_one_field", [404, "new@example.com"]),
            ("clear_a_field", [404]),
            ("bring_your_own_token", [404, "missing.txt", "Ada"]),
        ],
    )
    def test_what_goes_wrong_is_said_without_a_traceback(
        self, run: Run, name: str, arguments: list[object]
    ) -> None:
        """In the words of the error, with a status that scripts understand."""
        result = run(name, *arguments)

        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("not ")
        assert "404" in result.stderr or "FileNotFoundError" in result.stderr
        assert "Traceback" not in result.stderr


class TestOneField:
    def test_update_one_field_changes_that_one(self, run: Run, fake: FakeCaibo, id: int) -> None:
        """And prints its name, not its value."""
        before = fake.document(id)

        result = run("update_one_field", id, "new@example.com")

        assert outcome(result) == (0, f"customer {id}: accepted\n  changed: email\n", "")
        assert fake.document(id) == {**before, "email": "new@example.com"}

    def test_clear_a_field_clears_that_one(self, run: Run, fake: FakeCaibo, id: int) -> None:
        """A second time there is nothing to do."""
        before = fake.document(id)

        first, second = run("clear_a_field", id), run("clear_a_field", id)

        assert outcome(first) == (0, f"customer {id}: phone cleared\n", "")
        assert outcome(second) == (0, f"customer {id}: had no phone, nothing was sent\n", "")
        assert fake.document(id) == {**before, "phone": None}


class TestUpdateMany:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "emails.csv"

    def test_all_are_updated_a_few_at_a_time(self, run: Run, fake: FakeCaibo, file: Path) -> None:
        """Each connection carries one request at a time, so their number is the bound."""
        ids = [fake.add_customer() for _ in range(20)]
        file.write_text("".join(f"{id},{id}@example.com\n" for id in ids) + "\n")

        result = run("update_many", file, "--at-a-time", 3)

        assert outcome(result) == (0, "20 accepted\n", "")
        assert [fake.document(id)["email"] for id in ids] == [f"{id}@example.com" for id in ids]
        assert 1 < len({request.connection for request in fake.requests}) <= 3

    def test_an_error_of_one_does_not_stop_the_others(
        self, run: Run, fake: FakeCaibo, file: Path
    ) -> None:
        """It is reported with the customer's id."""
        ids = [fake.add_customer() for _ in range(2)]
        file.write_text(f"{ids[0]},nobody\n404,a@example.com\n{ids[1]},ada@example.com\n")

        result = run("update_many", file)

        assert (result.returncode, result.stdout) == (1, "2 failed, 1 unchanged\n")
        assert f"customer {ids[0]}: InvalidChangesError: email: expected an e-mail" in result.stderr
        assert "customer 404: NotFoundError: GET /customers/404 → 404" in result.stderr

    def test_a_wrong_key_is_tried_by_one_round_only(
        self, run: Run, fake: FakeCaibo, file: Path
    ) -> None:
        """The others would fail in the same way."""
        file.write_text("".join(f"{number},a@example.com\n" for number in range(20)))

        result = run("update_many", file, "--at-a-time", 1, CAIBO_API_KEY="wrong")

        assert (result.returncode, result.stdout) == (1, "1 failed, 19 not tried\n")
        assert methods(fake) == ["GET"]

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("id,email\n", "line 1: expected an id, a comma and an address"),
            ("1,a@example.com\n2\n", "line 2: expected an id, a comma and an address"),
            ("1,a@example.com\n1,b@example.com\n", "line 2: customer 1 comes a second time"),
        ],
    )
    def test_a_bad_file_is_refused_before_any_request(
        self, run: Run, fake: FakeCaibo, file: Path, content: str, complaint: str
    ) -> None:
        """Half a list would be hard to repeat."""
        file.write_text(content)

        result = run("update_many", file)

        assert outcome(result) == (1, "", f"{file}: {complaint}\n")
        assert fake.requests == []

    def test_other_mistakes_are_said_plainly(self, run: Run, file: Path) -> None:
        """No file, no customer at a time, no usable key."""
        missing = run("update_many", file)
        file.write_text("1,a@example.com\n")
        none = run("update_many", file, "--at-a-time", 0)
        keyless = run("update_many", file, CAIBO_API_KEY="")

        assert missing.stderr.startswith(f"{file}: [Errno 2] ")
        assert none.stderr.endswith("error: --at-a-time: at least 1\n")
        assert keyless.stderr.startswith("nothing was sent: no credential: ")
        assert [r.returncode for r in (missing, none, keyless)] == [1, 2, 1]


class TestBringYourOwnToken:
    def test_a_token_that_is_exchanged_meanwhile_is_taken_up(
        self, run: Run, fake: FakeCaibo, id: int, tmp_path: Path
    ) -> None:
        """The 401 of the spent one is not seen."""
        file = tmp_path / "token.txt"
        file.write_text(f"{fake.issue_token()}\n")

        def exchange(request: Request) -> None:
            if request.method == "GET" and len(fake.requests) == 1:
                fake.expire_tokens()
                file.write_text(fake.issue_token())

        fake.on_request = exchange

        result = run("bring_your_own_token", id, file, "Ada Lovelace")

        assert outcome(result) == (0, f"customer {id}: accepted\n", "")
        assert methods(fake) == ["GET", "GET", "PUT"]
        assert fake.document(id)["name"] == "Ada Lovelace"
        assert not any("X-API-Key" in request.headers for request in fake.requests)


def refuse(status: int, **options: Any) -> Callable[[FakeCaibo], object]:
    return lambda fake: fake.fail_next(status, **options)


class TestHandleErrors:
    @pytest.mark.parametrize(
        ("prepare", "status", "kind", "advice"),
        [
            (refuse(409), 1, "APIError", "Nobody expected 409 here."),
            (refuse(400, method="PUT"), 1, "BadRequestError", "refused the data: see above."),
            (refuse(403), 1, "PermissionDeniedError", "Ask for the right"),
            (refuse(404), 1, "NotFoundError", "Is it the right id"),
            (
                refuse(429, times=3, headers={"Retry-After": "0"}),
                75,
                "RateLimitedError",
                "Run this again in 0 seconds",
            ),
            (refuse(429, times=3), 75, "RateLimitedError", "Run this again later"),
            (refuse(500, method="PUT", times=3), 75, "ServerError", "quote the request id"),
            (refuse(200), 1, "MalformedResponseError", "Is this the right service?"),
            (
                lambda fake: fake.lose_response("GET", times=3),
                75,
                "TransportError",
                "Nothing was written. Is the network up?",
            ),
            (
                lambda fake: fake.lose_response("PUT", applied=False, times=3),
                75,
                "UnknownOutcomeError",
                "could not be seen",
            ),
            (
                lambda fake: fake.normalise("email", lambda email: "third@example.com"),
                1,
                "OverwrittenError",
                "Ask who else changes this customer.",
            ),
        ],
    )
    def test_each_error_has_its_advice(
        self,
        run: Run,
        fake: FakeCaibo,
        id: int,
        prepare: Callable[[FakeCaibo], object],
        status: int,
        kind: str,
        advice: str,
    ) -> None:
        """And the status that says whether to run it again."""
        prepare(fake)

        result = run("handle_errors", id, "new@example.com")

        assert (result.returncode, result.stdout) == (status, "")
        assert result.stderr.startswith(f"{kind}: ")
        assert advice in result.stderr.splitlines()[-1]

    @pytest.mark.parametrize(
        ("arguments", "environment", "kind", "advice"),
        [
            (["new@example.com"], {"CAIBO_API_KEY": ""}, "ConfigurationError", "Correct the"),
            (["new@example.com"], {"CAIBO_API_KEY": "no"}, "AuthenticationError", "is wrong"),
            (["nobody"], {}, "InvalidChangesError", "Nothing was sent. Correct: email."),
            (
                ["new@example.com", "--login", "me@example.com"],
                {"CAIBO_PASSWORD": "wrong"},
                "RenewalError",
                "Check the login",
            ),
        ],
    )
    def test_each_mistake_has_its_advice(
        self,
        run: Run,
        id: int,
        arguments: list[str],
        environment: dict[str, str],
        kind: str,
        advice: str,
    ) -> None:
        """Those of the command line and of the environment."""
        result = run("handle_errors", id, *arguments, **environment)

        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"{kind}: ")
        assert advice in result.stderr.splitlines()[-1]

    def test_a_deadline_that_passes_has_its_advice(
        self, run: Run, fake: FakeCaibo, id: int
    ) -> None:
        """During the read, so nothing was written."""
        fake.delay(60, "GET")

        result = run("handle_errors", id, "new@example.com", "--deadline", "0.2")

        assert (result.returncode, result.stdout) == (75, "")
        assert result.stderr.startswith("DeadlineExceededError: GET ")
        assert result.stderr.endswith("→ Nothing was written. Is --deadline long enough?\n")

    def test_fields_that_the_gateway_refuses_are_named(self, run: Run, fake: FakeCaibo) -> None:
        """By this package's names."""
        fake.strict = True
        id = fake.add_customer(loyalty_tier="gold")

        result = run("handle_errors", id, "new@example.com")

        assert result.stderr.endswith("→ The gateway refused the data: loyalty_tier.\n")

    def test_a_lost_answer_is_looked_up(self, run: Run, fake: FakeCaibo, id: int) -> None:
        """The write had landed, so nothing is left to do."""
        fake.lose_response("PUT", applied=True)

        result = run("handle_errors", id, "new@example.com")

        assert outcome(result) == (0, f"customer {id}: has this address now\n", "")
        assert methods(fake) == ["GET", "PUT", "GET"]

    def test_an_expectation_that_fails_names_the_field(self, run: Run, id: int) -> None:
        """Somebody else was there first."""
        result = run("handle_errors", id, "new@example.com", "--expect", "old@example.com")

        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.endswith("→ Decide which value holds: email.\n")

    def test_a_login_works_in_place_of_a_key(self, run: Run, fake: FakeCaibo, id: int) -> None:
        """With the password from the environment."""
        password = {"CAIBO_PASSWORD": fake.password}

        result = run("handle_errors", id, "new@example.com", "--login", fake.email, **password)

        assert outcome(result) == (0, f"customer {id}: has this address now\n", "")
        assert methods(fake) == ["POST", "GET", "PUT", "GET"]

    def test_every_class_that_can_be_met_is_named(self) -> None:
        """A new one must find its place here, too."""
        text = (EXAMPLES / "handle_errors.py").read_text("utf-8")
        classes = {
            name
            for name in caibo.__all__
            if isinstance(kind := getattr(caibo, name), type) and issubclass(kind, caibo.CaiboError)
        }

        named = set(re.findall(r"(?:except|case) caibo\.(\w+)", text))

        assert named == classes - {"CaiboError"}


@pytest.fixture
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", EXAMPLES / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDemo:
    def test_all_of_it_holds(self) -> None:
        """Without settings, and without colours where nobody looks."""
        result = start("demo")

        assert (result.returncode, result.stderr) == (0, "")
        held = result.stdout.count("   ✓ ")
        assert result.stdout.splitlines()[-1] == f"✓ All {held} claims of 8 scenes held."
        assert "\x1b" not in result.stdout
        assert "✗" not in result.stdout

    def test_it_shows_what_was_kept_and_each_error(self) -> None:
        """Token for token, as they stand on the wire and in a traceback."""
        lines = start("demo").stdout.splitlines()

        assert '     kept  "creditLimit":79228162514264.33759354395033' in lines
        assert '     kept  "totalDeposits":100.00' in lines
        assert '     kept  "createDate":"2024-03-05T09:30:12.1234567Z"' in lines
        assert '     sent  "email":"newemail@example.com"' in lines
        for kind in ("InvalidChanges", "NotFound", "BadRequest", "Authentication"):
            assert any(re.match(rf"   caibo\S*\.{kind}Error: ", line) for line in lines), kind

    def test_an_output_without_our_signs_is_no_obstacle(self) -> None:
        """As on a terminal with an old code page."""
        result = start("demo", PYTHONUTF8="0", PYTHONIOENCODING="ascii")

        assert (result.returncode, result.stderr) == (0, "")

    @pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
    def test_a_terminal_gets_colours_unless_it_wants_none(
        self,
        demo: ModuleType,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        no_color: str | None,
        coloured: bool,
    ) -> None:
        """See https://no-color.org."""
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_color is not None:
            monkeypatch.setenv("NO_COLOR", no_color)

        assert demo.main([]) == 0

        assert ("\x1b[32m" in capsys.readouterr().out) is coloured

    def test_a_gateway_that_drops_a_member_is_found_out(
        self, demo: ModuleType, fake: FakeCaibo, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It was sent, and is not there afterwards."""
        fake.drop_members("badge")

        assert demo.main([], fake) == 1

        printed = capsys.readouterr().out
        assert "✗ did not hold: stored: new email, phone, address; " in printed
        assert re.search(r"\n✗ 1 of \d+ claims did not hold:\n   stored: .*: badge\)\n$", printed)

    def test_a_client_that_respells_a_number_is_found_out(
        self,
        demo: ModuleType,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Equal as numbers, and not the token that was read."""
        whole = caibo.Document.merge

        def respelling(document: caibo.Document, changes: Any) -> caibo.Document:
            text = str(whole(document, changes))
            return caibo.Document.parse(text.replace("100.00", "100.0"))

        monkeypatch.setattr(caibo.Document, "merge", respelling)

        assert demo.main([]) == 1

        printed = capsys.readouterr().out
        assert "✗ did not hold: preserved: 100.0, not 100.0" in printed
        assert "every other token as read (wrong: totalDeposits)" in printed

    def test_a_scene_that_breaks_off_does_not_hide_the_others(
        self, demo: ModuleType, fake: FakeCaibo, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What it broke off with is named."""
        fake.fail_next(403, method="PUT")

        assert demo.main([], fake) == 1

        printed = capsys.readouterr().out
        assert "“Basic customer update” plays to its end; it broke off with caibo." in printed
        assert "\n8  Nothing to change\n" in printed
