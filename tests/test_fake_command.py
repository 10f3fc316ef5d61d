"""``python -m caibo.testing``, in this process and as a real one."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import pytest

from caibo.testing import FakeCaibo
from caibo.testing import __main__ as command
from caibo.testing.__main__ import main

COMMAND = [sys.executable, "-m", "caibo.testing"]
posix = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which is for POSIX")


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.fixture
def printed() -> Iterator[str]:
    """Run the command, give what it has printed when it is ready, and end it by Ctrl-C."""
    # A shell that runs tests in the background has SIGINT ignored for its children.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while ".changes)" not in "".join(lines[-1:]):
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()[1]
        yield "".join(lines)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
        assert (rest.strip(), errors, process.returncode) == ("", "", 0)


def line_with(printed: str, start: str) -> str:
    (line,) = [line.strip() for line in printed.splitlines() if line.strip().startswith(start)]
    return line


@posix
class TestRealProcess:
    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
    def test_the_curl_lines_work_when_pasted(self, printed: str) -> None:
        """The first reads the customer, the second replaces it, and the first shows that."""
        read = shlex.split(line_with(printed, "curl -i -H"))
        write = shlex.split(line_with(printed, "curl -i -X PUT"))

        answers = [
            subprocess.run([*line, "-sS"], capture_output=True, text=True, check=True).stdout
            for line in (read, write, read)
        ]

        assert [answer.split("\n")[0].strip() for answer in answers] == ["HTTP/1.1 200 OK"] * 3
        assert '"email":"ada@example.com"' in answers[0]
        assert '"email":"new@example.com"' in answers[2]
        assert '"phone":null' in answers[2]

    def test_the_python_lines_work_when_pasted(self, printed: str) -> None:
        """They show what the client is for: the other fields stay."""
        start = printed.index("import caibo")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CAIBO_")}

        result = subprocess.run(
            [sys.executable, "-c", printed[start:]],
            capture_output=True,
            text=True,
            env=environment,
        )

        assert (result.stderr, result.returncode) == ("", 0)
        assert "email" in result.stdout


class TestInThisProcess:
    @pytest.mark.parametrize("wait", [interrupt, lambda: None])
    def test_it_serves_until_it_is_told_to_end(
        self, wait: Callable[[], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What it prints names the address, the key and the customer; it ends with 0."""
        status = main(["--host", "localhost"], wait)

        output = capsys.readouterr().out
        assert status == 0
        assert line_with(output, "base URL").startswith("base URL  http://127.0.0.1:")
        assert line_with(output, "API key").endswith(FakeCaibo().api_key)
        assert line_with(output, "customer") == "customer  16772748432912191"

    def test_a_taken_port_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It says which port and what to do, and ends with 1."""
        with FakeCaibo().serve() as server:
            status = main(["--port", str(server.port)], interrupt)

        output, error = capsys.readouterr()
        assert (status, output) == (1, "")
        assert error.startswith(
            f"caibo.testing: cannot listen on 127.0.0.1, port {server.port}: Address"
        )
        assert error.endswith("; --port 0 takes a free port\n")

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--host", "0.0.0.0"], "a loopback address only, not on 0.0.0.0"),
            (["--port", "65536"], "a port is a number up to 65535, not 65536"),
            (["--port", "http"], "a port is a number up to 65535, not http"),
        ],
    )
    def test_impossible_addresses_are_refused(
        self, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With the status of a wrong command line."""
        with pytest.raises(SystemExit) as exit:
            main(arguments, interrupt)

        assert exit.value.code == 2
        assert complaint in capsys.readouterr().err

    def test_it_explains_itself(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As `python -m` runs it."""
        monkeypatch.setattr(sys, "argv", ["caibo.testing", "--help"])
        monkeypatch.delitem(sys.modules, "caibo.testing.__main__")

        with pytest.raises(SystemExit) as exit:
            runpy.run_module("caibo.testing", run_name="__main__")

        assert exit.value.code == 0
        assert "--port" in capsys.readouterr().out

    def test_it_waits_for_ctrl_c(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is what ends it when nobody says otherwise."""
        monkeypatch.setattr(command, "Event", lambda: SimpleNamespace(wait=interrupt))

        assert main([]) == 0
