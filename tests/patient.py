"""A database whose queue `orders` is made ill, and that `doctor` looks over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from pgmqgen.admin import doctor
from pgmqgen.admin.finding import Finding
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database.postgres import connect
from pgmqgen.runtime.registry import QueueSpec, Registry


def make_registry(**settings: Any) -> Registry:
    """The queue `orders` alone."""
    return Registry(
        "x",
        [QueueSpec(QueueSettings(name="orders", **settings), contract="c:c", handler="h:h")],
    )


@dataclass
class Patient:
    """A database with the queue `orders`, and a connection to make it ill."""

    url: str
    connection: psycopg.Connection

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement.encode())

    def examine(self, registry: Registry | None = None, **options: Any) -> list[Finding]:
        with connect(self.url) as connection:
            return doctor.examine(connection, registry or make_registry(), **options)

    def codes(self, registry: Registry | None = None, **options: Any) -> list[str]:
        return [finding.code for finding in self.examine(registry, **options)]

    def heal(self, finding: Finding) -> None:
        """Do what the help says, where that is SQL."""
        self.execute(finding.help.partition(": ")[2] or finding.help)
