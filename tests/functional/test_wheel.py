"""The wheel: what is in it, and what runs where nothing but it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

REPOSITORY = Path(__file__).parents[2]
Bare = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.timeout(600)

SCHEMA = """{
  "title": "Greeting",
  "type": "object",
  "required": ["name"],
  "properties": {"name": {"type": "string", "minLength": 1}}
}
"""
HANDLER = """
from pathlib import Path

from generated.greet import Greeting
from pgmqgen import Context, Message


def handle(message: Message[Greeting], context: Context) -> None:
    with Path("ledger.txt").open("a") as ledger:
        ledger.write(message.payload.name + "\\n")
"""
PRODUCE = """
import os

import pgmqgen
from generated.greet import Greeting, GreetProducer

producer = GreetProducer(os.environ["DATABASE_URL"])
print(producer.send(Greeting(name="world")))
print(producer.send_batch([Greeting(name="moon"), Greeting(name="sun")]))
try:
    producer.send(Greeting(name=""))
except (pgmqgen.InvalidMessage, ValueError) as error:
    print(type(error).__name__)
"""
WORK = """
from generated.registry import registry
from pgmqgen import Worker

Worker(registry, processes=2, until_empty=True).run()
"""
WAYS_TO_WORK = {
    "command": ["pgmqgen", "worker", "--until-empty", "--processes", "2"],
    "code": ["python", "main.py"],
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, REPOSITORY]
    subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare_programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment that holds the wheel without extras."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", wheel], check=True, env=_environment())
    return folder / "bin"


@pytest.fixture
def bare(bare_programs: Path, project: Path) -> Bare:
    """Run a program of that environment in the project, which is the current folder."""

    def run(program: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bare_programs / program, *arguments],
            env=_environment() | env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_wheel_holds_the_package_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pgmqgen"}
    assert len(tops) == 2
    folder = REPOSITORY / "templates"
    templates = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jinja")}
    assert templates
    packed = {name.partition("/templates/")[2] for name in names if "/templates/" in name}
    assert templates == packed
    assert "pgmqgen/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_demo_runs_from_the_wheel(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unpacked and put before the editable installation, whose extras it uses."""
    unpacked, folder = tmp_path / "unpacked", tmp_path / "folder"
    zipfile.ZipFile(wheel).extractall(unpacked)
    folder.mkdir()
    monkeypatch.chdir(folder)
    code = "import pgmqgen, sys; print(pgmqgen.__file__); from pgmqgen.cli.app import run; sys.exit(run(['demo']))"
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{unpacked}/pgmqgen/__init__.py\n")
    assert "check passed" in done.stdout
    assert list(folder.iterdir()) == []


def test_the_demo_names_the_extras(bare: Bare) -> None:
    done = bare("pgmqgen", "demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1] == "help: pip install 'pgmqgen[codegen,local]'"


def test_help_needs_no_extra(bare: Bare) -> None:
    done = bare("pgmqgen", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "generate" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["dev", "up"], ["dev", "down"], ["dev", "status"], ["dev", "psql"], ["dev", "reset", "--yes"],
     ["migrate", "--local"], ["send", "orders", '{"id": 1}', "--local"]],
)  # fmt: skip
def test_what_needs_the_embedded_server_names_the_extra(bare: Bare, arguments: list[str]) -> None:
    done = bare("pgmqgen", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: the embedded PostgreSQL needs an extra",
        "help: pip install 'pgmqgen[local]'",
    ]


def test_generate_names_the_extra(bare: Bare, project: Path) -> None:
    (project / "schemas").mkdir()
    (project / "schemas" / "greet.json").write_text(SCHEMA)
    done = bare("pgmqgen", "generate")
    assert (done.returncode, done.stdout) == (2, "")
    error, help_line = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert help_line.startswith("help: ")
    assert "pgmqgen[codegen]" in help_line


def test_migrate_and_send(bare: Bare, empty_database_url: str) -> None:
    assert bare("pgmqgen", "migrate", "--database-url", empty_database_url).returncode == 0
    sent = bare("pgmqgen", "send", "orders", '{"id": 1}', "--database-url", empty_database_url)
    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("way", WAYS_TO_WORK)
def test_produce_and_work(
    bare: Bare, project: Path, empty_database_url: str, run_pgmqgen: Bare, way: str
) -> None:
    _generate(project, run_pgmqgen)
    env = {"DATABASE_URL": empty_database_url}
    assert bare("pgmqgen", "migrate", **env).returncode == 0
    produced = bare("python", "-c", PRODUCE, **env)
    assert (produced.returncode, produced.stdout.splitlines()[:2]) == (0, ["1", "[2, 3]"]), produced
    assert produced.stdout.splitlines()[2] in {"InvalidMessage", "ValidationError"}
    worked = bare(*WAYS_TO_WORK[way], **env)
    assert worked.returncode == 0, worked.stderr
    ledger = (project / "ledger.txt").read_text().splitlines()
    assert sorted(ledger) == ["moon", "sun", "world"]
    with psycopg.connect(empty_database_url) as connection:
        left = connection.execute("SELECT count(*) FROM pgmq.q_greet").fetchone()
    assert left == (0,)


def _generate(project: Path, run_pgmqgen: Bare) -> None:
    """Replace the hand-written registry by a generated one, made where the compiler is."""
    for file in (project / "generated").iterdir():
        file.unlink()
    (project / "schemas").mkdir()
    (project / "schemas" / "greet.json").write_text(SCHEMA)
    done = run_pgmqgen("generate")
    assert done.returncode == 0, done.stderr
    (project / "generated" / "handlers" / "greet.py").write_text(HANDLER)
    (project / "main.py").write_text(WORK)
