"""The Sentry hooks of docs/hooks.md, with a real worker and sentry-sdk's own transport replaced.

Errors are captured in the children and losses in the parent, so the transport keeps its events in
memory and adds each to a file as well, by which the test sees those of all processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.docs.scenario import read_page

PAGE = Path(__file__).parents[2] / "docs" / "hooks.md"
FILES = ("schemas/resize.json", "generated/handlers/resize.py", "monitoring.py")

TRANSPORT = """
import json
import os

from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.transport import Transport


class Keeping(Transport):
    events = []

    def capture_envelope(self, envelope):
        event = envelope.get_event()
        self.events.append(event)
        kept = json.dumps({"pid": os.getpid(), "kept": len(self.events), "event": event})
        ledger = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(ledger, kept.encode() + b"\\n")
        os.close(ledger)


DEFAULT_OPTIONS["transport"] = Keeping

from monitoring import SentryHooks as SentryHooks  # noqa: E402, what the page shows
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    """The page's project, migrated, with one message of each kind of failure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SENTRY_DSN", "https://key@sentry.invalid/1")
    monkeypatch.setenv("EVENTS", str(tmp_path / "events.jsonl"))
    for step in read_page(PAGE):
        if step.path in FILES:
            path = tmp_path / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
    (tmp_path / "kept.py").write_text(TRANSPORT)
    _pgmqgen("generate")
    _pgmqgen("migrate")
    with psycopg.connect(database_url) as connection:
        for payload in ("fail", "crash", "hang", "nothing"):
            connection.execute("SELECT pgmq.send('resize', %s)", [json.dumps({"do": payload})])
    return tmp_path


def test_failures_reach_sentry_with_queue_and_payload(project: Path) -> None:
    _pgmqgen("worker", "--until-empty", "--processes", "2", "--hooks", "kept:SentryHooks")
    lines = [json.loads(line) for line in (project / "events.jsonl").read_text().splitlines()]
    assert sorted(map(_summary, lines)) == [
        ("crash", "resize: crash", 1),
        ("crash", "resize: crash", 2),
        ("fail", "RuntimeError: no memory left", 1),
        ("fail", "RuntimeError: no memory left", 2),
        ("hang", "resize: timeout", 1),
        ("hang", "resize: timeout", 2),
    ]
    for line in lines:
        event = line["event"]
        assert event["tags"]["queue"] == event["contexts"]["message"]["queue"] == "resize"
    parents = {line["pid"] for line in lines if "exception" not in line["event"]}
    children = {line["pid"] for line in lines if "exception" in line["event"]}
    assert len(parents) == 1
    assert children
    assert not parents & children


def _summary(line: dict[str, Any]) -> tuple[str, str, int]:
    event = line["event"]
    message = event["contexts"]["message"]
    raised = event.get("exception", {}).get("values", [{}])[-1]
    text = f"{raised['type']}: {raised['value']}" if raised else event["message"]
    return message["payload"]["do"], text, message["attempt"]


def _pgmqgen(*arguments: str) -> None:
    program = Path(sys.executable).with_name("pgmqgen")
    done = subprocess.run(
        [program, *arguments], env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
