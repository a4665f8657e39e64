"""The producer that a page shows sends its example."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from pgmqgen.cli.app import run
from pgmqgen.config import load_config
from pgmqgen.docs.site import describe_queues
from pgmqgen.docs.snippets import make_snippets
from pgmqgen.schema.load import load

REPOSITORY = Path(__file__).parents[2]


def test_producers_send(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert run(["migrate", "--database-url", database_url]) == 0
    config = load_config()
    schemas = load(config)
    messages = {each.queue.name: each.messages for each in describe_queues(schemas)}
    snippets = make_snippets(schemas, config, messages)
    for name, snippet in snippets.items():
        assert snippet.producer, name
        subprocess.run(
            [sys.executable, "-c", snippet.producer], cwd=REPOSITORY, timeout=60, check=True,
            env=os.environ | {"DATABASE_URL": database_url},
        )  # fmt: skip
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT queue_name, queue_length FROM pgmq.metrics_all()")
        sent = {name for name, length in rows if length == 1}
    assert sent == set(snippets)
