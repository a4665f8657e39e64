"""What the processes of a worker have imported once they have handled messages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

_ORDER = Path(__file__).parents[2] / "pgmqgen" / "bench" / "order.json"
_PAYLOAD = {
    "id": 1,
    "customer": "Ada Lovelace",
    "email": "ada@example.com",
    "created_at": "2026-01-02T03:04:05Z",
    "lines": [{"sku": "A-1", "quantity": 1, "price": 9.99}],
    "total": 9.99,
}
_HANDLER = """
import json
import sys
from pathlib import Path


def handle(message, context):
    assert message.payload.lines[0].quantity == 1
    Path("child.json").write_text(json.dumps(list(sys.modules)))
"""
_ASYNC_HANDLER = _HANDLER.replace("def handle", "async def handle")
_WORKER = """
import json
import sys
from pathlib import Path

from generated.registry import registry
from pgmqgen import Worker

Worker(registry, database_url=sys.argv[1], processes=1, until_empty=True).run()
Path("parent.json").write_text(json.dumps(list(sys.modules)))
"""

_OF_A_TERMINAL = {"typer", "click", "rich"}
_OF_COMMANDS = {"pgmqgen.admin", "pgmqgen.bench", "pgmqgen.cli", "pgmqgen.local"}
_OF_THE_COMPILER = {
    "datamodel_code_generator",
    "jinja2",
    "markdown_it",
    "yaml",
    "pgmqgen.codegen",
    "pgmqgen.config",
    "pgmqgen.schema",
}
_OF_OTHERS = _OF_A_TERMINAL | _OF_THE_COMPILER | _OF_COMMANDS
_OF_CHILDREN = {"generated.handlers", "generated.orders", "jsonschema_rs", "pydantic"}
_OF_ASYNC_HANDLERS = {"asyncio", "pgmqgen.runtime.child.async_side"}
_OF_CONNECTIONS = {"psycopg", "psycopg_pool", "pgmqgen.runtime.database.postgres"}


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Path:
    """The folder of a generated project with one message in its queue."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "orders.json").write_bytes(_ORDER.read_bytes())
    generate = [Path(sys.executable).with_name("pgmqgen"), "generate"]
    subprocess.run(generate, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "main.py").write_text(_WORKER)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders'), pgmq.create('orders_dlq')")
        connection.execute("SELECT pgmq.send('orders', %s::jsonb)", (json.dumps(_PAYLOAD),))
    return tmp_path


def test_a_worker_imports_only_what_each_process_needs(project: Path, database_url: str) -> None:
    parent, child = _work(project, database_url, _HANDLER)
    assert parent & (_OF_OTHERS | _OF_CHILDREN) == set()
    assert child & (_OF_OTHERS | _OF_CONNECTIONS | _OF_ASYNC_HANDLERS) == set()
    assert _OF_CONNECTIONS - {"psycopg_pool"} <= parent
    assert child >= _OF_CHILDREN


def test_a_process_with_async_handlers_also_imports_their_side(
    project: Path, database_url: str
) -> None:
    _, child = _work(project, database_url, _ASYNC_HANDLER)
    assert child >= _OF_CHILDREN | _OF_ASYNC_HANDLERS


def _work(project: Path, database_url: str, handler: str) -> tuple[set[str], set[str]]:
    """The modules of parent and child once a worker has handled the message."""
    (project / "generated" / "handlers" / "orders.py").write_text(handler)
    worker = [sys.executable, "main.py", database_url]
    subprocess.run(worker, cwd=project, check=True, timeout=60)
    return _modules(project / "parent.json"), _modules(project / "child.json")


def _modules(path: Path) -> set[str]:
    return set(json.loads(path.read_text()))
