"""`pgmqgen send`: what reaches the database, and what does not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Send = Callable[..., subprocess.CompletedProcess[str]]


_UNION = {
    "oneOf": [
        {"title": name.title(), "required": ["type"],
         "properties": {"type": {"const": name}, "total": {"type": "integer"}}}
        for name in ("created", "paid")
    ]
}  # fmt: skip


@pytest.fixture
def send(project: object, database_url: str, run_pgmqgen: Run) -> Send:
    env = {"DATABASE_URL": database_url}
    assert run_pgmqgen("migrate", env=env).returncode == 0

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run_pgmqgen("send", *arguments, stdin=stdin, env=env)

    return run


def _sent(url: str, columns: str = "message") -> list[Any]:
    with psycopg.connect(url) as connection:
        statement = f"SELECT {columns} FROM pgmq.q_orders ORDER BY msg_id"
        return connection.execute(statement.encode()).fetchall()


def test_the_id_is_printed_and_the_payload_is_there(send: Send, database_url: str) -> None:
    first = send("orders", '{"id": 1, "email": "a@b.example", "more": [1.5, null]}')
    second = send("orders", "-", stdin='{"id": 123456789012345678901234567890}')
    assert [(done.returncode, done.stdout, done.stderr) for done in (first, second)] == [
        (0, "1\n", ""),
        (0, "2\n", ""),
    ]
    assert _sent(database_url, "message::text") == [
        ('{"id": 1, "more": [1.5, null], "email": "a@b.example"}',),
        ('{"id": 123456789012345678901234567890}',),
    ]


def test_delay_and_headers(send: Send, database_url: str) -> None:
    done = send("orders", '{"id": 1}', "--delay", "60", "--headers", '{"source": "shell"}')
    assert done.returncode == 0
    ((headers, delayed),) = _sent(database_url, "headers, vt > now() + interval '50 s'")
    assert headers["source"] == "shell"
    assert headers["x-pgmqgen"]["schema"] == "f00d"
    assert delayed


def test_every_violation_is_printed_and_nothing_sent(send: Send, database_url: str) -> None:
    done = send("orders", '{"id": "x", "email": "nobody"}')
    assert (done.returncode, done.stdout) == (1, "")
    assert "/id: " in done.stderr
    assert "[type]" in done.stderr
    assert "/email: " in done.stderr
    assert "[format]" in done.stderr
    assert _sent(database_url) == []


def test_of_a_union_the_branch_that_was_meant_is_printed(send: Send, project: Path) -> None:
    contract = project / "generated" / "orders.py"
    contract.write_text(f"{contract.read_text()}\ncontract.schema = {_UNION}\n")
    heading = "error: invalid payload of queue `orders`, 1 error(s):\n  "
    for payload, told in [
        ('{"type": "paid", "total": "1"}', '/total: "1" is not of type "integer" (in `Paid`) [type]'),
        ('{"type": "piad"}', "/type: expected one of `created`, `paid`; got `piad`; did you mean `paid`? [oneOf]"),
    ]:  # fmt: skip
        done = send("orders", payload)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{heading}{told}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["orders", '{"id": 1'], 1, "not JSON"),
        (["orders", '{"id": NaN}'], 1, "not JSON"),
        (["orders", '{"id": 1, "text": "\\u0000"}'], 1, "/text: contains the NUL character"),
        (["orders", '{"id": 1}', "--headers", "[]"], 2, "expected headers to be a JSON object"),
        (["orders", '{"id": 1}', "--headers", "{"], 2, "headers are not JSON"),
        (["orders", '{"id": 1}', "--headers", '{"x-pgmqgen": {}}'], 2, "is reserved"),
        (["orders", '{"id": 1}', "--delay", "-1"], 2, "'--delay'"),
        (["orders"], 2, "Missing argument"),
        (["order", "{}"], 2, "no queue `order` in the registry, which has `orders`"),
        (["order", "{}"], 2, "help: did you mean `orders`?\n"),
    ],
)
def test_refusals(
    send: Send, database_url: str, arguments: list[str], code: int, told: str
) -> None:
    done = send(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert _sent(database_url) == []
