"""What goes wrong around a command: one short error, a hint, the exit code, no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
DOWN = "postgresql://postgres@127.0.0.1:1/nowhere"
COMMANDS = {
    "migrate": ["migrate"],
    "doctor": ["doctor"],
    "dry-run": ["migrate", "--dry-run"],
    "send": ["send", "orders", '{"id": 1}'],
}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    return COMMANDS[request.param]


def _assert_error(done: subprocess.CompletedProcess[str], code: int, error: str, hint: str) -> None:
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["error", "help"], done.stderr
    assert error in lines[0]
    assert hint in lines[1]
    assert done.returncode == code


@pytest.mark.usefixtures("project")
def test_no_database_configured(run_pgmqgen: Run, command: list[str]) -> None:
    _assert_error(run_pgmqgen(*command), 2, "no database is configured", "set DATABASE_URL")


@pytest.mark.usefixtures("project")
def test_two_databases_asked_for(run_pgmqgen: Run, command: list[str]) -> None:
    done = run_pgmqgen(*command, "--local", "--database-url", DOWN)
    _assert_error(done, 2, "expected one of --database-url and --local", "drop one of them")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("variable", ["DATABASE_URL", "PGMQGEN_DATABASE_URL"])
def test_the_database_is_down(run_pgmqgen: Run, command: list[str], variable: str) -> None:
    done = run_pgmqgen(*command, env={variable: DOWN})
    _assert_error(done, 3, "cannot connect to database `nowhere` at `127.0.0.1:1`", "server runs")


@pytest.mark.usefixtures("project")
def test_a_url_that_is_none(run_pgmqgen: Run, command: list[str]) -> None:
    done = run_pgmqgen(*command, "--database-url", "postgresql://user:secret@[host/db")
    _assert_error(done, 2, "the database URL cannot be parsed", "postgresql://user:password@host")
    assert "secret" not in done.stderr


@pytest.mark.usefixtures("project")
def test_the_queue_is_missing(run_pgmqgen: Run, database_url: str) -> None:
    done = run_pgmqgen(*COMMANDS["send"], "--database-url", database_url)
    _assert_error(done, 3, "queue `orders` does not exist", "run `pgmqgen migrate`")


@pytest.mark.usefixtures("project")
def test_pgmq_is_missing(run_pgmqgen: Run, empty_database_url: str) -> None:
    done = run_pgmqgen(*COMMANDS["send"], "--database-url", empty_database_url)
    _assert_error(done, 3, "queue `orders` does not exist", "run `pgmqgen migrate`")


def test_a_project_without_a_registry(run_pgmqgen: Run, command: list[str], project: Path) -> None:
    (project / "generated" / "registry.py").unlink()
    done = run_pgmqgen(*command, "--database-url", DOWN)
    _assert_error(done, 2, "there is no module `generated.registry`", "run `pgmqgen generate`")


def test_a_registry_that_does_not_import(
    run_pgmqgen: Run, command: list[str], project: Path
) -> None:
    (project / "generated" / "registry.py").write_text("import nonsense_that_is_not_there\n")
    done = run_pgmqgen(*command, "--database-url", DOWN)
    _assert_error(done, 2, "No module named 'nonsense_that_is_not_there'", "`pgmqgen generate`")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("generated.registry:missing", "module `generated.registry` has no `missing`"),
        ("generated.registry", "`generated.registry` is not of the form module:object"),
        ("generated.orders:contract", "`generated.orders:contract` is not a Registry"),
        ("not a module:x", "there is no module `not a module`"),
    ],
)
def test_a_wrong_registry_name(run_pgmqgen: Run, command: list[str], name: str, error: str) -> None:
    done = run_pgmqgen(*command, "--registry", name, "--database-url", DOWN)
    _assert_error(done, 2, error, "--registry")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["nonsense"], ["migrate", "extra"], ["send"], ["dev", "nonsense"]]
)
def test_usage(run_pgmqgen: Run, arguments: list[str]) -> None:
    done = run_pgmqgen(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: pgmqgen" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_configuration(run_pgmqgen: Run, command: list[str], project: Path) -> None:
    (project / "pgmqgen.toml").write_text("[database\n")
    done = run_pgmqgen(*command)
    _assert_error(done, 2, "pgmqgen.toml: ", "TOML syntax")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("option", ["--timeout", "--visibility-timeout"])
def test_a_worker_with_no_time(run_pgmqgen: Run, option: str) -> None:
    done = run_pgmqgen("worker", option, "0", "--database-url", DOWN)
    assert done.stderr == f"error: `{option[2:].replace('-', '_')}` must be above 0, got 0.0\n"
    assert done.returncode == 2


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "pgmqgen", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"pgmqgen \d+\.\d+\.\d+\n", done.stdout)
