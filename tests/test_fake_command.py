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
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

import caibo
from caibo.testing import FakeCaibo, Headers, Request
from caibo.testing import __main__ as command
from caibo.testing.__main__ import main
from caibo.testing._arguments import parsed

COMMAND = [sys.executable, "-m", "caibo.testing"]
ONE_READ = """
import caibo
with caibo.Caibo() as client:
    print(client.mode, client.customers.get(16772748432912191).phone)
"""
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

    def test_the_variables_lead_a_client_to_it(self, printed: str) -> None:
        """One that is made without a word, as in the rest of the documentation."""
        exported = line_with(printed, "export ")

        result = subprocess.run(
            ["sh", "-ec", f'{exported}\nexec "$0" "$@"', sys.executable, "-c", ONE_READ],
            capture_output=True,
            text=True,
        )

        assert (result.stderr, result.stdout) == ("", "test +12025550143\n")

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
            (
                ["--host", "0.0.0.0"],
                "a loopback address only, not on 0.0.0.0; --open-to-the-network",
            ),
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

    def test_it_opens_to_the_network_when_it_is_told_to(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says so, and its lines are for a client on another machine."""
        monkeypatch.setattr(command, "gethostname", lambda: "Gateway-1")
        said: list[str] = []

        status = main(
            ["--host", "0.0.0.0", "--open-to-the-network"],
            lambda: said.append(capsys.readouterr().out),
        )

        [output] = said
        url = line_with(output, "base URL").removeprefix("base URL  ")
        port = httpx.URL(url).port
        assert (status, url) == (0, f"http://Gateway-1:{port}")
        assert f"is open to whoever reaches 0.0.0.0, port {port}," in output
        lines = output[output.index("import caibo") :]
        assert f'with plain_http("Gateway-1"), caibo.Caibo(api_key=key, base_url="{url}")' in lines
        asked: list[str] = []

        def ask(self: object, request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return FakeCaibo().transport.handle_request(request)

        monkeypatch.setattr("caibo._wire.waiting.SyncTransport.handle_request", ask)
        with pytest.raises(caibo.NotFoundError):
            exec(lines, {})  # noqa: S102
        assert asked == [f"http://gateway-1:{port}/customers/16772748432912191"]

    def test_an_address_is_what_a_client_reaches(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Where it is one, and no wildcard."""
        said: list[str] = []

        main(["--open-to-the-network"], lambda: said.append(capsys.readouterr().out))

        assert line_with(said[0], "base URL").startswith("base URL  http://127.0.0.1:")

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


class TestCustomers:
    @pytest.fixture
    def serve(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
        """Give a function that serves the customers of a file, and returns what is read of them."""

        def serve(text: str, *ids: int) -> str:
            file = tmp_path / "customers.json"
            file.write_text(text, "utf-8")
            found: list[str] = []

            def read() -> None:
                output = capsys.readouterr().out
                headers = {"X-API-Key": line_with(output, "API key").split()[-1]}
                url = line_with(output, "base URL").split()[-1]
                found.append(line_with(output, "customer "))
                with httpx.Client(base_url=url, headers=headers) as client:
                    found.extend(client.get(f"customers/{id}").text for id in ids)

            main(["--customers", str(file)], read)
            return "\n".join(found)

        return serve

    def test_a_line_is_a_customer(self, serve: Callable[..., str]) -> None:
        """Each is shown as the text that it is in the file, and blank lines are nothing."""
        first = '{"id": 7, "name": "\u2028", "totalDeposits": 100.00}'
        second = '{"id":8,"name":"Jo\\u0020Li"}'

        assert serve(f"\ufeff{first}\n\n  {second}\n", 7, 8).splitlines()[0] == (
            "customer  7, and 1 more"
        )
        assert serve(f"{first}\n{second}", 7, 8).split("\n")[1:] == [first, second]

    def test_an_array_is_one_of_customers(self, serve: Callable[..., str]) -> None:
        """On as many lines as it likes, with every digit."""
        text = '\n[{"id": 7, "totalDeposits": 100.00},\n{"id": 8}]'

        assert serve(text, 7).split("\n") == [
            "customer  7, and 1 more",
            '{"id":7,"totalDeposits":100.00}',
        ]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "there is no customer in it"),
            ("[]", "there is no customer in it"),
            ('{"id": 7}\n{"id": 8', "line 2: not JSON"),
            ('{"id": 7}\n7', "line 2: "),
            ('[{"id": 7}', "not JSON"),
            ("[7]", "its array is not one of JSON objects"),
            ('{"id": 7}\n{"id": 8}\n{"id": 7}', "customer 7 is there twice"),
        ],
        ids=["nothing", "none", "cut", "a number", "cut array", "array of numbers", "twice"],
    )
    def test_what_is_no_customer_is_named(
        self,
        serve: Callable[..., str],
        text: str,
        complaint: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """With its line, where lines count."""
        with pytest.raises(SystemExit) as exit:
            serve(text)

        assert exit.value.code == 2
        assert "customers.json" in (error := capsys.readouterr().err)
        assert complaint in error

    @pytest.mark.parametrize(
        ("content", "complaint"), [(None, "No such file"), (b"\xff", "it is not UTF-8")]
    )
    def test_a_file_that_cannot_be_read_is_named(
        self,
        content: bytes | None,
        complaint: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """With the reason."""
        file = tmp_path / "customers.jsonl"
        if content is not None:
            file.write_bytes(content)

        with pytest.raises(SystemExit):
            main(["--customers", str(file)], interrupt)

        assert f"{file}: {complaint}" in capsys.readouterr().err


class TestFaults:
    @staticmethod
    def planted(*faults: str, seed: int = 0) -> FakeCaibo:
        """Give a gateway with faults from the command line, and customer 7."""
        arguments = [part for fault in faults for part in ("--fault", fault)]
        options = parsed([*arguments, "--seed", str(seed)])
        gateway = FakeCaibo(seed=options.seed)
        gateway.add_customer(id=7)
        for plant in options.fault:
            plant(gateway)
        return gateway

    @staticmethod
    def answers(gateway: FakeCaibo, *methods: str) -> list[object]:
        """Send requests about customer 7, and tell what comes back."""
        found: list[object] = []
        headers = {"X-API-Key": gateway.api_key}
        url = f"{gateway.base_url}/customers/7"
        body = {"name": "Jo", "email": "jo@example.com"}
        with httpx.Client(transport=gateway.transport, headers=headers) as client:
            for method in methods:
                try:
                    answer = client.request(method, url, json=body if method == "PUT" else None)
                    found.append(answer.status_code)
                except httpx.HTTPError as error:
                    found.append(type(error).__name__)
        return found

    @pytest.mark.parametrize(
        ("fault", "methods", "expected"),
        [
            ("fail=503", "GET GET", [503, 200]),
            ("fail=503,method=put,times=2", "GET PUT PUT PUT", [200, 503, 503, 200]),
            ("fail=503,id=8", "GET", [200]),
            ("fail=503,after=1,times=inf", "GET GET GET", [200, 503, 503]),
            ("fail=503,chance=1", "GET GET GET", [503, 503, 503]),
            ("lose-response", "GET PUT", [200, "RemoteProtocolError"]),
            ("lose-response=mid-body,method=PUT", "PUT", ["ReadError"]),
            ("garble", "GET", ["DecodingError"]),
            ("garble=truncated", "GET", ["RemoteProtocolError"]),
            ("delay=3600", "GET GET", ["ReadTimeout", 200]),
        ],
    )
    def test_a_fault_is_one_of_the_gateway_s(
        self, fault: str, methods: str, expected: list[object]
    ) -> None:
        """It meets the requests that the words after it tell."""
        assert self.answers(self.planted(fault), *methods.split()) == expected

    @pytest.mark.parametrize(
        ("fault", "applied"),
        [
            ("fail=500,method=PUT", False),
            ("fail=500,method=PUT,applied=yes", True),
            ("lose-response", True),
            ("lose-response,applied=no", False),
        ],
    )
    def test_a_request_is_carried_out_or_not(self, fault: str, applied: bool) -> None:
        """Which only a read shows."""
        gateway = self.planted(fault)

        self.answers(gateway, "PUT")

        assert (gateway.document(7)["name"] == "Jo") is applied

    def test_a_failure_may_ask_to_wait(self) -> None:
        """With `Retry-After`."""
        gateway = self.planted("fail=503,retry-after=7")
        headers = Headers({"X-API-Key": gateway.api_key}.items())

        answer = gateway.handle(Request("GET", "/customers/7", headers))

        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")

    def test_reads_may_be_stale(self) -> None:
        """As often as it is said."""
        gateway = self.planted("stale-read,times=2", "stale-read,after=1")
        gateway.change(7, name="Joan")
        headers = Headers({"X-API-Key": gateway.api_key}.items())

        names = [
            b"Joan" in gateway.handle(Request("GET", "/customers/7", headers)).body
            for _ in range(4)
        ]

        assert names == [False, False, False, True]

    def test_the_seed_says_which_requests_meet_a_chance(self) -> None:
        """The same at each run, and others with another seed."""
        runs = [
            self.answers(self.planted("fail=503,chance=0.3", seed=seed), *["GET"] * 40)
            for seed in (7, 7, 8)
        ]

        assert runs[0] == runs[1]
        assert runs[0] != runs[2]
        assert set(runs[0]) == {200, 503}

    @pytest.mark.parametrize(
        ("fault", "complaint"),
        [
            ("explode", "there is no fault explode, but fail, lose-response, garble, delay, "),
            ("fail", "write the status, as in fail=503"),
            ("fail=9", "from 200, not 9"),
            (
                "fail=503,often=3",
                "fail takes method=, id=, after=, times=, chance=, retry-after=, ",
            ),
            ("fail=503,after", "after is not understood"),
            ("fail=503,retry-after=soon", "retry-after=soon is not understood"),
            ("lose-response,applied=perhaps", "applied=perhaps is not understood"),
            ("lose-response=now", "=now is not one of before-reply, before-body, "),
            ("garble=zip", "=zip is not one of gzip, truncated, wrong-length"),
            (
                "garble,applied=no",
                "garble takes method=, id=, after=, times=, chance=, not applied",
            ),
            ("garble,times=0", "counts requests from 1"),
            ("delay=long", "write the seconds, as in delay=3"),
            ("delay=-1", "write the seconds"),
            ("delay=nan", "write the seconds"),
            ("delay=1,chance=2", "at most 1, not 2.0"),
            ("stale-read=2", "stale-read takes nothing after ="),
        ],
    )
    def test_what_is_no_fault_is_refused(
        self, fault: str, complaint: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With what it could be, before anything is served."""
        with pytest.raises(SystemExit) as exit:
            main(["--fault", fault], interrupt)

        assert exit.value.code == 2
        assert f"argument --fault: {fault}: " in (error := capsys.readouterr().err)
        assert complaint in error

    def test_they_are_served(self, capsys: pytest.CaptureFixture[str]) -> None:
        """By the process that the command line started."""
        statuses: list[int] = []

        def ask() -> None:
            url = line_with(capsys.readouterr().out, "base URL").split()[-1]
            statuses.append(httpx.get(url).status_code)

        main(["--fault", "fail=418"], ask)

        assert statuses == [418]
