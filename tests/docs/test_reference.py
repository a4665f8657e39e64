"""The reference tables of the documentation name what the code has, with its defaults."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import typer

from pgmqgen.cli.app import app
from pgmqgen.config import DatabaseConfig, DocsConfig, LintConfig, WorkerConfig
from pgmqgen.queue import UNSUPPORTED_SETTINGS, Backoff, QueueSettings
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.message import Message
from pgmqgen.schema.lint import RULES
from pgmqgen.schema.lint.rule import Rule

REPOSITORY = Path(__file__).parents[2]
SETTINGS_WITHOUT_A_FIXED_DEFAULT = {"queue", "batch_size", "dead_letter_queue"}


def _read(name: str) -> str:
    return "\n" + (REPOSITORY / name).read_text(encoding="utf-8")


def _first_cells(page: str, heading: str) -> list[str]:
    """First cells of the first table under a heading, without its head."""
    section = _read(page).partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, heading
    return [row.split("|")[1].strip() for row in table[0].splitlines()[2:]]


def _rows(page: str, heading: str) -> dict[str, str]:
    """Second cell by first cell, both without backticks."""
    section = _read(page).partition(f"\n{heading}\n")[2]
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    return {key: value.strip("`") for key, value in rows}


def test_settings() -> None:
    documented = _rows("docs/schemas.md", "## `x-pgmq`")
    settings, backoff = QueueSettings(name=""), Backoff()
    defaults = {f.name: getattr(settings, f.name) for f in fields(QueueSettings)}
    del defaults["name"], defaults["backoff"]
    defaults |= {f"backoff.{f.name}": getattr(backoff, f.name) for f in fields(Backoff)}
    assert documented.keys() == defaults.keys() | {"queue"}
    fixed = documented.keys() - SETTINGS_WITHOUT_A_FIXED_DEFAULT
    assert {key: json.loads(documented[key]) for key in fixed} == {k: defaults[k] for k in fixed}


def test_reserved_settings() -> None:
    sentence = _read("docs/schemas.md").partition(" are reserved")[0].rpartition("\n\n")[2]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(UNSUPPORTED_SETTINGS)


def test_codes() -> None:
    section = _read("docs/lint.md").partition("\n## Rules\n")[2]
    rows = re.findall(r"^\| (PGQ\d+) \| ([^|]*) \| ([^|]*) \|$", section, re.MULTILINE)
    assert rows == [(rule.code, _severity(rule), rule.summary) for rule in RULES.values()]


def _severity(rule: Rule) -> str:
    mark = "" if rule.ignorable else " \u2020"
    return f"{rule.severity}{mark}" if rule.default else f"{rule.severity}, off"


def test_hooks() -> None:
    calls = _first_cells("docs/hooks.md", "# Hooks")
    names = [call.strip("`").partition("(")[0] for call in calls]
    assert names == [name for name in vars(Hooks) if not name.startswith("_")]
    for call in calls:
        name, _, parameters = call.strip("`)").partition("(")
        code = getattr(Hooks, name).__code__
        assert list(code.co_varnames[1 : code.co_argcount]) == re.findall(r"\w+", parameters)


def test_message_attributes() -> None:
    cells = _first_cells("docs/handlers.md", "## The message")
    documented = set(re.findall(r"`(\w+)`", " ".join(cells)))
    slots = {name for name in Message.__slots__ if not name.startswith("_")}
    properties = {name for name, value in vars(Message).items() if isinstance(value, property)}
    assert documented == slots | properties


def test_worker_options() -> None:
    documented = set(re.findall(r"`(--[\w-]+)", "".join(_first_cells("README.md", "### Worker"))))
    options = typer.main.get_group(app).commands["worker"].params
    assert documented == {option.opts[0] for option in options}
    assert {f"--{f.name}".replace("_", "-") for f in fields(WorkerConfig)} <= documented


def test_modules_of_the_runtime() -> None:
    cells = _first_cells("docs/architecture.md", "## From a message to its end")
    documented = set(re.findall(r"`([\w/]+)`", " ".join(cells)))
    runtime = REPOSITORY / "pgmqgen" / "runtime"
    modules = {str(path.relative_to(runtime).with_suffix("")) for path in runtime.rglob("*.py")}
    assert documented
    assert documented <= modules


def test_configuration_keys_that_are_mentioned_exist() -> None:
    tables = {
        "database": DatabaseConfig,
        "docs": DocsConfig,
        "lint": LintConfig,
        "worker": WorkerConfig,
    }
    known = {(name, each.name) for name, table in tables.items() for each in fields(table)}
    pages = "".join(
        map(_read, ["README.md", *(f"docs/{p.name}" for p in (REPOSITORY / "docs").glob("*.md"))])
    )
    mentioned = set(re.findall(r"`\[(\w+)\] (\w+)[`= ]", pages))
    assert ("worker", "connect") in mentioned
    assert mentioned <= known
