"""`pgmqgen lint` as a process: formats, exit codes, explanations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pgmqgen.cli.app import run
from pgmqgen.schema.lint import RULES

_NOT_ALL_POWERFUL = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Runs a command for which the permissions of files count, even if root runs it."""
TWICE = '{"type": "string",\n "type": "null"}'


def _lint(
    folder: Path, *arguments: str, under: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pgmqgen")
    command = [*under, str(program), "lint", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    (tmp_path / "schemas" / "a.json").write_text(TWICE)
    (tmp_path / "schemas" / "b.json").write_text('{"type": "object"}')
    (tmp_path / "schemas" / "shared" / "c.json").write_text("{")
    return tmp_path


def test_text(project: Path) -> None:
    done = _lint(project)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "schemas/a.json:2:2: PGQ002 duplicate key `type`\n"
        "    |\n"
        '  2 |  "type": "null"}\n'
        "    |  ^^^^^^\n"
        "  help: it is already set in line 1: keep one\n"
        "schemas/shared/c.json:1:2: PGQ001 "
    )
    assert done.stderr == "3 file(s): 2 error(s), 0 warning(s)\n"


def test_one_file(project: Path) -> None:
    done = _lint(project, "schemas/b.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "1 file(s): 0 error(s), 0 warning(s)\n"
    other = _lint(project, "nowhere.json")
    assert (other.returncode, other.stderr) == (2, "error: there is no file `nowhere.json`\n")


def test_json(project: Path) -> None:
    found = json.loads(_lint(project, "--format", "json", "schemas/a.json").stdout)
    assert found == [
        {"path": "schemas/a.json", "line": 2, "column": 2, "code": "PGQ002",
         "message": "duplicate key `type`", "hint": "it is already set in line 1: keep one",
         "severity": "error"}
    ]  # fmt: skip
    assert json.loads(_lint(project, "--format", "json", "schemas/b.json").stdout) == []


def test_github(project: Path) -> None:
    assert _lint(project, "--format", "github", "schemas/a.json").stdout == (
        "::error file=schemas/a.json,line=2,col=2,title=PGQ002::"
        "duplicate key `type`%0Ahelp: it is already set in line 1: keep one\n"
    )


@pytest.mark.parametrize("code", RULES)
def test_explain(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "--explain", code.lower()]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{code}: {RULES[code].summary} ({RULES[code].severity}")
    assert RULES[code].why in printed


def test_explain_all_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "--explain", "all"]) == 0
    assert [line[:6] for line in capsys.readouterr().out.splitlines()] == list(RULES)
    assert run(["lint", "--explain", "PGQ4"]) == 2
    assert "error: unknown code `PGQ4`" in capsys.readouterr().err


def test_warnings_block_only_if_strict(project: Path) -> None:
    for name in ("a.json", "shared/c.json"):
        (project / "schemas" / name).unlink()
    (project / "schemas" / "b.json").write_text('{"type": "string", "minLenght": 3}')
    assert _lint(project).returncode == 0
    assert _lint(project, "--strict").returncode == 1
    program = Path(sys.executable).with_name("pgmqgen")
    done = subprocess.run(
        [program, "generate"], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stderr == (
        "schemas/b.json:1:20: PGQ101 warning: unknown keyword `minLenght`\n"
        "  help: did you mean `minLength`?\n"
    )


@pytest.mark.parametrize("key", ["x-pgmqq", "x-pqmq", "x_pgmq", "X-PGMQ", "x-pgmqgen"])
def test_settings_under_a_misspelt_key_are_reported(project: Path, key: str) -> None:
    for name in ("a.json", "shared/c.json"):
        (project / "schemas" / name).unlink()
    schema = {"type": "string", key: {"max_attempts": 2}, "x-internal": 1, "x-mq": 2}
    (project / "schemas" / "b.json").write_text(json.dumps(schema))
    assert _lint(project, "--strict").stdout.startswith(
        f"schemas/b.json:1:20: PGQ101 warning: unknown keyword `{key}`\n"
    )


def test_a_file_that_may_not_be_read(project: Path) -> None:
    (project / "schemas" / "a.json").chmod(0o000)
    done = _lint(project, under=_NOT_ALL_POWERFUL if os.geteuid() == 0 else ())
    assert "schemas/a.json:1:1: PGQ001 the file cannot be read: permission denied\n" in done.stdout


def test_recursion_with_unevaluated_properties_does_not_end_the_process(project: Path) -> None:
    inner = {"unevaluatedProperties": False, "if": {}, "else": {"allOf": [{"$ref": "#/$defs/b"}]}}
    base = {"dependentSchemas": {"x": {"if": {"if": {"anyOf": [inner]}}}}}
    part = {"oneOf": [{"properties": {"type": {"$ref": "#/$defs/b"}}}]}
    rest = {"anyOf": [{"additionalProperties": {"$ref": "#/$defs/p"}}]}
    schema = {"additionalProperties": rest, "$defs": {"p": part, "b": base}}
    (project / "schemas" / "a.json").write_text(json.dumps(schema))
    assert _lint(project).returncode >= 0
