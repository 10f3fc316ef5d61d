"""Everything that is done to this project, a session each: ``nox --list``.

``nox`` alone runs what a change must pass: lint, types, drift and tests.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import nox

# Older releases do not run sessions side by side.
nox.needs_version = ">=2026.10.20"
nox.options.download_python = "never"
# A machine without all of the supported versions is no error, CI's included.
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DEPENDENCIES = PROJECT["project"]["dependencies"]
COMMAND = PROJECT["project"]["optional-dependencies"]["cli"]
DIST = Path("dist")
SITE = Path("site")
SOURCES = os.pathsep.join(("wrapper", "generated"))
IN_PARALLEL = ("-n", "auto", "--dist", "worksteal")
CONGRUENCE = "tests/independent/test_congruence.py"
WITHOUT_TOOLS = ("--ignore=tests/codegen", "--ignore=tests/independent")
# What differs from Python to Python, or from httpx to httpx, shows in a few rows of a table, and
# in asyncio's tests as well as in trio's.
BETWEEN = (*WITHOUT_TOOLS, "-m", "not long", "-k", "not trio", "--rows", "2")
BUILD_REQUIREMENTS = ".github/build-requirements.txt"
PRISM = "@stoplight/prism-cli@5.16.0"
# Its `diff` is experimental: look at what it finds before another version is taken.
REDOCLY = "@redocly/cli@2.77.0"
BROWSERS = ("chromium", "google-chrome")
PICTURED = ("index", "verbs", "record", "reference/clients")

# Half of what an installation takes is bytecode, most of it for modules that nothing imports.
# This says --no-compile: https://pip.pypa.io/en/stable/topics/configuration/
os.environ.setdefault("PIP_NO_COMPILE", "0")
# pyenv puts a shim for every version on PATH, of which only the chosen ones run;
# behind the shims we offer what they stand for.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), *map(str, sorted(PYENV.glob("3.*/bin")))]
)


def group(name: str) -> tuple[str, ...]:
    """Give the requirements of a dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def wheel() -> str:
    """Give the path of the wheel that `build` made."""
    [built] = DIST.glob("*.whl")
    return str(built)


def install_wheel(session: nox.Session, *more: str) -> None:
    """Install the wheel, so that nothing is tested that is not shipped."""
    session.install(wheel(), *more)
    # In a reused environment pip would take an older wheel of this version for the same.
    session.install("--force-reinstall", "--no-deps", wheel())


def npm_install(session: nox.Session, package: str) -> Path | None:
    """Install an npm package for the session; give the folder of its commands, if npm is there."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    home = session.create_tmp()
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save")
    session.run(npm, "install", "--prefix", home, *quiet, package, external=True)
    return Path(home, "node_modules", ".bin")


def apt_install(session: nox.Session, *packages: str) -> None:
    """Install packages of Debian's, where there is apt-get and the right to."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    # RUNLEVEL keeps packages from starting servers of their own.
    environment = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        apt = ("apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=300", *command)
        session.run(*apt, env=environment, external=True, success_codes=[0, 100])


def redocly(session: nox.Session) -> dict[str, str]:
    """Install Redocly CLI, which compares contracts, and say in the environment where it is."""
    commands = npm_install(session, REDOCLY)
    if commands is None:
        # Skipped, a comparison would pass for compatible.
        session.error("Redocly CLI is installed with npm, which is not on this machine")
    return {"REDOCLY": str((commands / "redocly").absolute())}


@nox.session
def lint(session: nox.Session) -> None:
    """Hold the code against ruff's rules and format, and its imports against the rooms."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": SOURCES})


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: all of them with mypy, those of the facade with pyright, too."""
    session.install(*DEPENDENCIES, *group("types"))
    session.run("mypy")
    session.run("pyright")


@nox.session(default=False)
def generate(session: nox.Session) -> None:
    """Generate `generated/` from the contract and the overlay; `-- check` only compares."""
    session.install(*group("generate"))
    session.run("python", "codegen/generate.py", *session.posargs)


@nox.session(default=False)
def fetch_spec(session: nox.Session) -> None:
    """Write `openapi.yaml` from `-- SOURCE...`, pages of the vendor or OpenAPI documents."""
    session.install(*DEPENDENCIES, *group("fetch_spec"))
    session.run("python", "codegen/fetch_spec.py", *session.posargs)


@nox.session(default=False)
def spec_diff(session: nox.Session) -> None:
    """Compare the contracts of `-- OLD NEW`, by default the last tag and the working tree.

    Fails when a change is breaking; `--json FILE` tells that from other failures.
    """
    session.install(*group("generate"))
    session.run("python", "codegen/spec_diff.py", *session.posargs, env=redocly(session))


@nox.session(default=False)
def spec_diff_tests(session: nox.Session) -> None:
    """Plant changes into the contract, breaking and compatible, and test what `spec_diff` finds."""
    commands = npm_install(session, REDOCLY)
    if commands is None:
        session.skip("Redocly CLI is installed with npm, which is not on this machine")
    session.install(*DEPENDENCIES, *group("generate"), *group("test"))
    session.run(
        *("pytest", "--confcutdir=tests/codegen", "tests/codegen/test_spec_diff.py"),
        *session.posargs,
        env={"REDOCLY": str(commands / "redocly")},
    )


@nox.session(python=PYTHONS)
def drift(session: nox.Session) -> None:
    """Check that `generated/` is what each Python would generate, and test the generation."""
    session.install(*DEPENDENCIES, *group("generate"))
    session.run("python", "codegen/generate.py", "check")
    if session.python == PYTHONS[0]:  # what they test runs on one Python, the maintainer's
        session.install(*group("test"), *group("release"), *group("checkers"))
        # The fixtures of the other tests need the facade, this session does not.
        session.run("pytest", *IN_PARALLEL, "--confcutdir=tests/codegen", "tests/codegen")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the wheel and look what is in it."""
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", str(DIST))
    check_wheel(session)


def check_wheel(session: nox.Session) -> None:
    """Stop at a wheel that lacks a package, its types or its data, or has more than them."""
    with zipfile.ZipFile(wheel()) as archive:
        names = set(archive.namelist())
    data = [f"caibo_api/{name}" for name in ("py.typed", "openapi.json", "assumptions.json")]
    for name in ["caibo/py.typed", *data]:
        if name not in names:
            session.error(f"the wheel lacks {name}")
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    if tops != {"caibo", "caibo_api"}:
        session.error(f"the wheel has more than the two packages: {tops}")


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Build what is published, twice, and compare the bytes; the wheel once from the sdist."""
    # With these very tools, as other versions of them give other bytes.
    hashed = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
    session.install(*hashed, "--requirement", BUILD_REQUIREMENTS)
    scratch = Path(session.create_tmp())
    shutil.rmtree(scratch)
    # A copy has other times, modes and paths; what is ignored is not there to slip in.
    listed = session.run("git", "ls-files", "-co", "--exclude-standard", external=True, silent=True)
    for name in filter(os.path.isfile, str(listed).splitlines()):
        (scratch / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, scratch / "copy" / name)
    shutil.rmtree(DIST, ignore_errors=True)
    build = ("python", "-m", "build", "--quiet", "--no-isolation", "--outdir")
    session.run(*build, str(DIST))  # the sdist, and the wheel from it
    session.run(*build, str(scratch / "again"), "--sdist", "--wheel", str(scratch / "copy"))
    for made in sorted(DIST.iterdir()):
        if made.read_bytes() != (scratch / "again" / made.name).read_bytes():
            session.error(f"two builds of {made.name} differ")
    check_wheel(session)
    session.install(*group("dist"))
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))


@nox.session(python=PYTHONS, requires=["build"])
def tests(session: nox.Session) -> None:
    """Test the installed wheel; `-- ARGUMENTS` go to pytest, and coverage is left out."""
    install_wheel(session, *group("test"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    everything = ("pytest", *IN_PARALLEL, *WITHOUT_TOOLS)
    if session.python == PYTHONS[0]:
        # Once, and not the long ones, as measuring takes as long as testing.
        session.run("coverage", "erase")
        session.run("coverage", "run", "-m", *everything, "-m", "not untraced and not long")
        session.run(*everything, "-m", "untraced or long")
        session.notify("coverage")
    elif session.python == PYTHONS[-1]:
        session.run(*everything)
    else:
        session.run("pytest", *IN_PARALLEL, *BETWEEN)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Combine what the tests covered; every branch of `wrapper/` must be among it."""
    session.install(*group("coverage"))
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session(default=False, requires=["build"])
def minimums(session: nox.Session) -> None:
    """Test the wheel with the oldest dependencies that it admits."""
    oldest = [needed.split(",")[0].replace(">=", "==") for needed in (*DEPENDENCIES, *COMMAND)]
    install_wheel(session, *group("test"))
    # What only the tests need asks for newer ones, and does without them.
    session.install("--no-deps", *oldest)
    session.run("pytest", *IN_PARALLEL, *BETWEEN, *session.posargs)


@nox.session(default=False, requires=["build"])
def prereleases(session: nox.Session) -> None:
    """Test the wheel with the newest pre-releases that it admits; it may fail."""
    install_wheel(session, *group("test"))
    session.install("--upgrade", "--pre", *DEPENDENCIES, *COMMAND)
    session.run("pytest", *IN_PARALLEL, *WITHOUT_TOOLS, "-m", "not long", *session.posargs)


@nox.session(default=False, requires=["build"])
def consumer(session: nox.Session) -> None:
    """Check and run a typed project that has only the wheel; its mistakes must be flagged."""
    install_wheel(session, *group("test"), *group("checkers"))
    check_consumer(session, Path("tests", "consumer"))


def check_consumer(session: nox.Session, project: Path, *ignored: str) -> None:
    """Check the types of a project with both checkers and run its tests, away from our sources."""
    home = Path(session.create_tmp(), "consumer")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(project, home, ignore=shutil.ignore_patterns("__pycache__", ".*", *ignored))
    with session.chdir(home):
        session.run("mypy", ".")
        session.run("pyright", "--warnings")
        session.run("pytest", "-q", "-W", "error")


@nox.session(default=False, requires=["build"])
def api_diff(session: nox.Session) -> None:
    """Compare the public surface with the last release's, and run its tests of it."""
    install_wheel(session, *group("release"), *group("test"), *group("checkers"))
    session.run("python", "codegen/api_diff.py", *session.posargs)
    last = Path(session.create_tmp(), "last-release").resolve()
    shutil.rmtree(last, ignore_errors=True)
    session.run("python", "codegen/api_diff.py", *session.posargs, "--unpack", str(last))
    if last.exists():
        with session.chdir(last):
            settings = nox.project.load_toml("pyproject.toml")
            session.run("pytest", *settings["tool"]["caibo"]["public-tests"])
        # What was a mistake then may have been made right since.
        check_consumer(session, last / "tests" / "consumer", "mistakes.py")


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Make the release `-- X.Y.Z`: checks, changelog, commit, tag; `--dry-run` only shows it."""
    session.install(*group("generate"), *group("release"))
    session.run("python", "codegen/release.py", *session.posargs, env=redocly(session))


@nox.session(default=False)
def spec_update(session: nox.Session) -> None:
    """Take up the vendor's contract from `-- SOURCE…` and write the text of a pull request."""
    session.install("-e", ".", *group("generate"), *group("release"), *group("test"))
    session.run("python", "codegen/spec_update.py", *session.posargs, env=redocly(session))


@nox.session(default=False)
def rehearsal(session: nox.Session) -> None:
    """Play updates of the contract with the real tools, up to the wheel; `-- --all` plays each.

    A line for each says what was asked, what was written by hand, the verdict, and the time.
    """
    if shutil.which("npm") is None:
        session.skip("Redocly CLI is installed with npm, which is not on this machine")
    session.install("-e", ".", *group("generate"), *group("release"), *group("test"))
    # The wheels of a play are built without a download each.
    session.install("--require-hashes", "--no-deps", "--requirement", BUILD_REQUIREMENTS)
    chosen = [argument for argument in session.posargs if argument != "--all"]
    if "--all" not in session.posargs:
        chosen += ["-m", "not long"]
    session.run(
        *("pytest", "--confcutdir=tests/codegen"),
        *("tests/codegen/test_rehearsal.py", "tests/codegen/test_downstream.py"),
        *chosen,
        env=redocly(session),
    )


@nox.session(default=False, requires=["build"])
def docs(session: nox.Session) -> None:
    """Build the site into `site/`, where a warning is an error, and follow its links.

    `-- linkcheck` follows those that lead out, too, which takes a network.
    """
    install_wheel(session, *group("docs"), *group("test"), *group("cookbook"))
    shutil.rmtree(SITE, ignore_errors=True)
    sphinx = ("sphinx-build", "--fresh-env", "--fail-on-warning", "--keep-going", "--quiet")
    session.run(*sphinx, "--builder", "html", "docs", str(SITE))
    shutil.rmtree(SITE / ".doctrees")
    session.run("pytest", "tests/test_cookbook.py", "tests/independent/test_site.py")
    for builder in session.posargs:
        session.run(*sphinx, "--builder", builder, "docs", session.create_tmp())


@nox.session(default=False, requires=["docs"])
def site(session: nox.Session) -> None:
    """Open every page of the site in Chromium: links, search, light and dark, no JavaScript.

    Pictures of four of them are in `site/pictures/` afterwards.
    """
    session.install(*group("browser"))
    if not any(map(shutil.which, BROWSERS)):
        apt_install(session, "chromium")
    if not any(map(shutil.which, BROWSERS)):
        # 1 where it cannot be fetched: the tests say then that they are skipped.
        session.run("playwright", "install", "chromium", success_codes=[0, 1])
    tests = ("--confcutdir=tests/independent", "tests/independent/test_browser.py")
    session.run("pytest", *tests, *session.posargs)
    if browser := next(filter(None, map(shutil.which, BROWSERS)), None):
        for name in PICTURED:
            shoot(session, browser, name)


def shoot(session: nox.Session, browser: str, name: str) -> None:
    """Make a picture of a page of the site, for whoever changes how it looks."""
    picture = SITE / "pictures" / f"{Path(name).name}.png"
    picture.parent.mkdir(exist_ok=True)
    page = (SITE / f"{name}.html").absolute().as_uri()
    how = ("--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,1000")
    session.run(browser, *how, f"--screenshot={picture}", page, external=True, silent=True)


@nox.session(default=False)
def workflows(session: nox.Session) -> None:
    """Check what GitHub runs: its form, and with zizmor what an attacker could make of it."""
    session.install(*group("workflows"))
    found = sorted(map(str, Path(".github", "workflows").glob("*.yml")))
    updates = ".github/dependabot.yml"
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *found)
    session.run("check-jsonschema", "--builtin-schema", "vendor.dependabot", updates)
    session.run("zizmor", "--offline", "--persona", "pedantic", *found, updates)
    # What is said of this project: its sessions, its tools, the order of a release.
    session.install(*DEPENDENCIES, *group("generate"), *group("test"))
    session.run("pytest", "--confcutdir=tests/codegen", "tests/codegen/test_workflows.py")


@nox.session(default=False, requires=["build"], reuse_venv=False)
def demo(session: nox.Session) -> None:
    """Show the client at work: a fresh environment, the wheel, a gateway on a real socket."""
    session.install(wheel())
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def bench(session: nox.Session) -> None:
    """Compare updates with the same requests in plain httpx; `-- --help` says what is measured."""
    install_wheel(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False, requires=["build"])
def simulation(session: nox.Session) -> None:
    """Count lost updates by write rate in virtual time; `-- --help` says what is assumed."""
    install_wheel(session, *group("test"))
    session.run("python", "benchmarks/lost_updates.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def prism(session: nox.Session) -> None:
    """Send the client's requests to Prism, which validates them, and compare it with the fake."""
    commands = npm_install(session, PRISM)
    if commands is None:
        session.skip("Prism is installed with npm, which is not on this machine")
    install_wheel(session, *group("test"))
    session.run(
        *("pytest", CONGRUENCE, "tests/independent/test_prism.py", *session.posargs),
        env={"PRISM": str(commands / "prism")},
    )


@nox.session(default=False, requires=["build"])
def schemathesis(session: nox.Session) -> None:
    """Hold the fake gateway against the contract with requests that schemathesis makes up."""
    install_wheel(session, *group("test"), *group("schemathesis"))
    session.run("pytest", "tests/independent/test_schemathesis.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def connexion(session: nox.Session) -> None:
    """Send the client's requests to a server made by Connexion, and compare it with the fake."""
    install_wheel(session, *group("test"), *group("connexion"))
    session.run("pytest", CONGRUENCE, "tests/independent/test_connexion.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def redis(session: nox.Session) -> None:
    """Let processes, and Celery's workers, update customers under a lock in a Redis server."""
    if shutil.which("redis-server") is None:
        apt_install(session, "redis-server")
    if shutil.which("redis-server") is None:
        session.skip("redis-server is not on this machine, and only root can install it")
    install_wheel(session, *group("test"), *group("redis"), *group("celery"))
    tests = ("tests/independent/test_redis.py", "tests/independent/test_celery_bulk.py")
    session.run("pytest", *tests, *session.posargs)


@nox.session(default=False, requires=["build"])
def preforking(session: nox.Session) -> None:
    """Let Gunicorn's and Celery's workers share a client that their master made and used."""
    if not hasattr(os, "fork"):
        session.skip("nothing forks on this machine")
    install_wheel(session, *group("test"), *group("preforking"))
    session.run("pytest", "tests/independent/test_preforking.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def faults(session: nox.Session) -> None:
    """Play every fault of the wire before the client and write docs/record.md; `-- --quick`: some.

    All of them take a quarter of an hour.
    """
    install_wheel(session, *group("test"), *group("record"))
    arguments = session.posargs or ("--write", "docs")
    session.run("python", "-W", "ignore", "-m", "record", *arguments, env={"PYTHONPATH": "tests"})


@nox.session(default=False, requires=["build"])
def fuzz(session: nox.Session) -> None:
    """Give the client arbitrary answers and values; `-- EXAMPLES` of each kind, by default 300."""
    install_wheel(session, *group("test"))
    examples, *arguments = session.posargs or ("300",)
    session.run("pytest", "tests/record/fuzz.py", *arguments, env={"FUZZ_EXAMPLES": examples})


@nox.session(default=False, requires=["build"])
def soak(session: nox.Session) -> None:
    """Use clients for `-- MINUTES` (10) with faults and cancellations, and see what grows."""
    install_wheel(session, *group("test"))
    arguments = ("-W", "ignore", "-m", "record.soak", *session.posargs)
    session.run("python", *arguments, env={"PYTHONPATH": "tests"})


@nox.session(default=False, requires=["build"])
def proxies(session: nox.Session) -> None:
    """Send updates through nginx, squid and tinyproxy; those that are not installed are skipped."""
    apt_install(session, "nginx-light", "squid", "tinyproxy-bin")
    install_wheel(session, *group("test"))
    session.run("pytest", "tests/independent/test_real_proxies.py", *session.posargs)


@nox.session(default=False, requires=["build"])
def mutation(session: nox.Session) -> None:
    """Break the rooms in small ways that mutmut knows, and list what no test sees.

    By default 40 mutants of each file, chosen by a seed; `-- --help` says what else. It fails
    where one is left that `docs/record/mutants-left.csv` has no reason for.
    """
    install_wheel(session, *group("test"), *group("mutation"))
    arguments = ("-m", "record.mutation", *(session.posargs or ("--write", "docs/record")))
    # Only this one of coverage's tracers can tell of a line which tests run it.
    environment = {"PYTHONPATH": "tests", "COVERAGE_CORE": "ctrace"}
    session.run("python", *arguments, env=environment)
