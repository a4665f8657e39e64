"""What is told of a connection string that is wrong, and that none of it is repeated."""

from __future__ import annotations

import psycopg
import pytest

from pgmqgen.errors import ConfigError
from pgmqgen.runtime.database import postgres

_ESCAPE = "in user and password write `%40` for `@`"


@pytest.mark.parametrize(
    ("conninfo", "hint"),
    [
        ("postgres://me:secret@localhost:1/db?pgbouncer=true", "drop `pgbouncer`, which"),
        ("host=localhost pgbouncer=true password=secret", "drop `pgbouncer`, which"),
        ("postgresql+asyncpg://me:secret@localhost/db", "drop `+asyncpg`: expected postgresql://"),
        ("postgresql+psycopg://me:secret@localhost/db", "drop `+psycopg`: expected postgresql://"),
        (" postgresql://me:secret@localhost/db", "drop the spaces or quotes"),
        ("'postgresql://me:secret@localhost/db'", "drop the spaces or quotes"),
        ("postgresql://me:secret%ss@localhost/db", _ESCAPE),
        ("postgresql://me:secret@x#y@localhost:1/db", _ESCAPE),
        ("postgresql://me:secret/x@localhost:1/db", _ESCAPE),
        ("mysql://me:secret@localhost/db", "expected postgresql://user:password@host"),
        ("secret", "expected postgresql://user:password@host"),
    ],
)
def test_connection_strings_that_are_wrong(conninfo: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        postgres.dial(conninfo, "test")
    assert raised.value.hint is not None
    assert raised.value.hint.startswith(hint)
    assert "secret" not in f"{raised.value} {raised.value.hint}"
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://me:secret%40x%2Fy@localhost:1/db",
        "postgresql://me@localhost:1,localhost:1/db?application_name=a@b/c",
        "postgresql://me@/db?host=/nowhere&port=1",
        "postgresql://me@/team@prod?host=/nowhere",
        "postgresql://me:pw@@nowhere/db",
        "host=@nowhere user=me password=a@b/c",
    ],
)
def test_connection_strings_that_are_right(conninfo: str) -> None:
    with pytest.raises(Exception, match="cannot connect to") as raised:
        postgres.dial(conninfo, "test")
    assert isinstance(raised.value.__cause__, psycopg.OperationalError)
