"""What a type checker says of a user's code against the generated package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

EMAIL: dict[str, Any] = {
    "title": "SendEmail",
    "type": "object",
    "required": ["to"],
    "properties": {
        "to": {"type": "string"},
        "class": {"type": "string"},
        "send_after": {"type": "string", "format": "date-time"},
    },
}
EVENTS: dict[str, Any] = {
    "title": "OrderEvent",
    "oneOf": [
        {
            "title": name,
            "type": "object",
            "required": ["type", field],
            "properties": {"type": {"const": name}, field: {"type": "integer"}},
        }
        for name, field in (("Created", "lines"), ("Paid", "amount"))
    ],
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, run_pgmqgen: Run) -> Path:
    root = tmp_path_factory.mktemp("original")
    (root / "pgmqgen.toml").touch()
    (root / "schemas").mkdir()
    (root / "schemas" / "send_email.json").write_text(json.dumps(EMAIL))
    (root / "schemas" / "orders.json").write_text(json.dumps(EVENTS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert run_pgmqgen("generate").returncode == 0
    return root


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the original, as the current folder."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _check(project: Path, *files: str) -> list[str]:
    """Errors that mypy --strict reports, as `file:line: [code]`; columns and texts are mypy's."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
    done = subprocess.run(
        [*command, *files], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    lines = (line for line in done.stdout.splitlines() if ": error: " in line)
    return [f"{line.split(': error: ')[0]} {line[line.rindex('[') :]}" for line in lines]


def _check_code(project: Path, code: str) -> list[str]:
    (project / "main.py").write_text(code)
    return _check(project, "main.py")


GOOD = """\
from datetime import datetime, timezone

from generated.orders import Created, OrdersProducer, Paid
from generated.registry import registry
from generated.send_email import AsyncSendEmailProducer, SendEmail, SendEmailProducer, validate

email = SendEmail(to="ada@example.com", class_="x", send_after=datetime.now(timezone.utc))
number: int = SendEmailProducer("").send(email, delay=3, headers={"a": 1})
numbers: list[int] = SendEmailProducer("").send_batch([email])
OrdersProducer("").send(Paid(type="Paid", amount=3))
text: str = registry["send_email"].decode(b"{}").to
event = registry["orders"].decode("{}")
if isinstance(event, Created):
    lines: int = event.lines
validate({"to": "x"})


async def send() -> int:
    return await AsyncSendEmailProducer("").send(email)
"""


def test_good_use_is_clean(project: Path) -> None:
    assert _check_code(project, GOOD) == []
    assert _check(project, "generated") == []


BAD = {
    'SendEmail(too="x", to="y")': "[call-arg]",
    "SendEmail()": "[call-arg]",
    "SendEmail(to=3)": "[arg-type]",
    'SendEmail(to="x", send_after="today")': "[arg-type]",
    'SendEmail(to="x").subject': "[attr-defined]",
    'SendEmailProducer("").send({"to": "x"})': "[arg-type]",
    'SendEmailProducer("").send(Paid(type="Paid", amount=3))': "[arg-type]",
    'SendEmailProducer("").send_batch([Paid(type="Paid", amount=3)])': "[list-item]",
    'OrdersProducer("").send(SendEmail(to="x"))': "[arg-type]",
    'Paid(type="Created", amount=3)': "[arg-type]",
    'registry["send_email"].decode("").subject': "[attr-defined]",
    'registry["send_email"].encode({"to": "x"})': "[arg-type]",
    'registry["orders"].decode("").lines': "[union-attr]",
}
"""Lines of wrong code, and the error that each is."""


def test_bad_use_fails_on_its_line(project: Path) -> None:
    start = GOOD.splitlines()[:6]
    expected = [f"main.py:{number} {code}" for number, code in enumerate(BAD.values(), 7)]
    assert _check_code(project, "\n".join([*start, *BAD, ""])) == expected


HANDLER = """\
from pgmqgen import Context, Message

from ..send_email import SendEmail


def handle(message: Message[SendEmail], context: Context) -> None:
    print(message.payload.to.upper())
"""
UNION_HANDLER = """\
from typing import assert_never

from pgmqgen import Context, Message

from ..orders import Created, OrderEvent, Paid


def handle(message: Message[OrderEvent], context: Context) -> None:
    match message.payload:
        case Created(lines=lines):
            print(lines + 1)
        case Paid() as paid:
            print(paid.amount)
        case other:
            assert_never(other)
"""


def _add_an_event(project: Path) -> None:
    cancelled = {**EVENTS["oneOf"][0], "title": "Cancelled", "properties": {"type": {"const": "x"}}}
    events = {**EVENTS, "oneOf": [*EVENTS["oneOf"], cancelled]}
    (project / "schemas" / "orders.json").write_text(json.dumps(events))


def test_a_changed_schema_shows_in_the_handler(project: Path, run_pgmqgen: Run) -> None:
    handlers = project / "generated" / "handlers"
    (handlers / "send_email.py").write_text(HANDLER)
    (handlers / "orders.py").write_text(UNION_HANDLER)
    assert _check(project, "generated") == []
    schema = {**EMAIL, "required": ["recipient"], "properties": {"recipient": {"type": "string"}}}
    (project / "schemas" / "send_email.json").write_text(json.dumps(schema))
    _add_an_event(project)
    assert run_pgmqgen("generate").returncode == 0
    assert sorted(_check(project, "generated")) == [
        "generated/handlers/orders.py:15 [arg-type]",
        "generated/handlers/send_email.py:7 [attr-defined]",
    ]


def test_a_new_event_shows_in_the_stub(project: Path, run_pgmqgen: Run) -> None:
    assert _check(project, "generated") == []
    _add_an_event(project)
    assert run_pgmqgen("generate").returncode == 0
    stub = (project / "generated" / "handlers" / "orders.py").read_text().splitlines()
    line = stub.index("            assert_never(message.payload)") + 1
    assert _check(project, "generated") == [f"generated/handlers/orders.py:{line} [arg-type]"]
