"""The one importer of psycopg in the runtime: connections, and the driver's errors made ours.

No statement of a queue lives here (see `sql`), and nothing here knows what a message is.
"""

from __future__ import annotations

import os
import select
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import psycopg
from psycopg import IsolationLevel
from psycopg import conninfo as libpq
from psycopg.adapt import Loader
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.string import ByteaBinaryLoader

from pgmqgen.errors import ConfigError, DatabaseError
from pgmqgen.runtime.database.conninfo import explain, find_misread
from pgmqgen.runtime.instant import instant_of

if TYPE_CHECKING:
    from psycopg.abc import Buffer
    from psycopg.rows import TupleRow

_DEFAULTS = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # milliseconds that what was sent may stay unacknowledged
}
_CONNECT_TIMEOUT_S = "10"

_MISSING_QUEUE = {"42P01", "3F000", "42883"}
_MISSING_COLUMN = "42703"
_UNSTORABLE = {
    "54000": "PostgreSQL's jsonb cannot hold this payload: it is over one of its size limits",
    "22P05": "PostgreSQL's jsonb cannot hold this payload: a character that it cannot store",
    "22P02": "PostgreSQL does not accept this payload as JSON",
    "22032": "PostgreSQL does not accept this payload as JSON",
    "22003": "PostgreSQL's jsonb cannot hold this payload: a number out of range",
    "54001": "PostgreSQL's jsonb cannot hold this payload: it is nested too deeply",
}
_UNSTORABLE_HINT = (
    "jsonb holds no NUL character, and strings and arrays of at most 256 MB: "
    "keep large values elsewhere and send a reference"
)
_POOLER = {"26000", "42P05", "08P01"}


@dataclass(frozen=True, slots=True)
class Call:
    """One statement and its parameters.

    template: what the statement was made from, if it depends on the columns of a queue
    """

    statement: bytes
    parameters: Sequence[Any] = ()
    template: str | None = None


_PROBE = Call(b"SELECT 1")
_BACKEND = Call(b"SELECT pg_backend_pid()")


def connect(
    conninfo: str, *, application_name: str = "pgmqgen", pooler: bool | None = None
) -> psycopg.Connection[TupleRow]:
    """Open a connection in autocommit mode.

    pooler: whether it goes through a pooler in transaction mode; None finds out

    Raises ConfigError for a malformed `conninfo`, else DatabaseError.
    """
    connection = dial(conninfo, application_name)
    with translating_errors():
        expect_pooler(connection, pooler)
    return connection


def dial(conninfo: str, application_name: str) -> psycopg.Connection[TupleRow]:
    """Open a connection like `connect`, and ask nothing on it, so that it may prepare statements."""
    parameters = _parameters(conninfo, application_name)
    try:
        return psycopg.connect(**parameters, autocommit=True)
    except psycopg.Error as error:
        raise _unreachable(error, parameters) from error


async def connect_async(
    conninfo: str, *, application_name: str = "pgmqgen", pooler: bool | None = None
) -> psycopg.AsyncConnection[TupleRow]:
    """Open an asynchronous connection; otherwise like `connect`."""
    parameters = _parameters(conninfo, application_name)
    try:
        connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
        if pooler is None:
            (found,) = await fetch_async(connection, _BACKEND)
            pooler = _is_made_up(connection, found)
        _prepare_nothing(connection, pooler)
        return connection
    except psycopg.Error as error:
        raise _unreachable(error, parameters) from error


def expect_pooler(connection: psycopg.Connection[Any], pooler: bool | None) -> None:
    """Prepare no statements on a connection in autocommit mode if it goes through a pooler.

    Server and pooler tell a client which process serves it: a pooler, which may choose another
    for each transaction, makes the number up. None compares; that costs one round trip.
    """
    if pooler is None:
        (found,) = fetch(connection, _BACKEND)
        pooler = _is_made_up(connection, found)
    _prepare_nothing(connection, pooler)


def keeps_session(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether statements may be prepared, so that the server's session is the connection's own."""
    return connection.prepare_threshold is not None


def client_side_cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A cursor that puts parameters into the text, and so takes several statements at once."""
    return psycopg.ClientCursor(connection)


class translating_errors:
    """Turn the driver's errors in the block into DatabaseError.

    queue: the queue that the block's statements are about, for the message

    No generator: after each wait for the server the first Python code to run is slow.
    """

    __slots__ = ("_queue",)

    def __init__(self, queue: str | None = None) -> None:
        self._queue = queue

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, psycopg.Error):
            raise translate(error, self._queue) from error


def translate(error: psycopg.Error, queue: str | None = None) -> DatabaseError:
    """The DatabaseError that says in one line what `error` says."""
    state = error.sqlstate
    about = f"queue `{queue}`: " if queue else ""
    if state in _MISSING_QUEUE and queue:
        return DatabaseError(
            f"queue `{queue}` does not exist", hint="run `pgmqgen migrate`", sqlstate=state
        )
    if state == _MISSING_COLUMN and queue:
        return DatabaseError(
            f"queue `{queue}`: {_one_line(error)}: its pgmq is too old",
            hint="in a transaction of yours, headers need pgmq 1.5, `read` and `archive` 1.10; "
            "metrics need 1.5",
            sqlstate=state,
        )
    if state in _UNSTORABLE:
        message = f"{about}{_UNSTORABLE[state]}: {_one_line(error)}"
        return DatabaseError(message, hint=_UNSTORABLE_HINT, sqlstate=state)
    return DatabaseError(f"{about}{_one_line(error)}", hint=_hint(error), sqlstate=state)


def is_connection(value: object) -> TypeGuard[psycopg.Connection[TupleRow]]:
    """Whether `value` is a (synchronous) psycopg connection."""
    return isinstance(value, psycopg.Connection)


def is_async_connection(value: object) -> TypeGuard[psycopg.AsyncConnection[TupleRow]]:
    """Whether `value` is an asynchronous psycopg connection."""
    return isinstance(value, psycopg.AsyncConnection)


def fetch(connection: psycopg.Connection[Any], call: Call) -> list[TupleRow]:
    """Run one statement and return its rows as tuples, whatever the connection's settings."""
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    cursor.execute(call.statement, call.parameters, binary=True)
    return cursor.fetchall()


async def fetch_async(connection: psycopg.AsyncConnection[Any], call: Call) -> list[TupleRow]:
    """Like `fetch`, asynchronously."""
    cursor = psycopg.AsyncCursor(connection, row_factory=tuple_row)
    await cursor.execute(call.statement, call.parameters, binary=True)
    return await cursor.fetchall()


def is_idle(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether a connection in autocommit mode is open, outside a statement, and silent.

    One that the server has closed is not silent: its socket is readable. Costs no round trip.
    """
    if not _is_unoccupied(connection):
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def answers(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection in autocommit mode still serves statements: one round trip.

    A notice may have made its socket readable, so that it is not `is_idle`.
    """
    try:
        return _is_unoccupied(connection) and bool(fetch(connection, _PROBE))
    except psycopg.Error:
        return False


async def answers_async(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Like `answers`, asynchronously."""
    try:
        return _is_unoccupied(connection) and bool(await fetch_async(connection, _PROBE))
    except psycopg.Error:
        return False


def is_in_transaction(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether a connection is inside of a transaction, as far as this side knows."""
    inside = (TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.ACTIVE)
    return connection.pgconn.transaction_status in inside


def is_between_statements(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether a connection is in a transaction, good or failed, in which no statement runs."""
    between = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
    return connection.pgconn.transaction_status in between


def has_failed(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether a connection is in a transaction that can only be rolled back."""
    return connection.pgconn.transaction_status == TransactionStatus.INERROR


@contextmanager
def in_own_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction at READ COMMITTED. Raises RuntimeError inside of another.

    At a higher level the acknowledgement of a message would fail whenever its lease was extended
    meanwhile.
    """
    _refuse_nesting(connection)
    before = connection.isolation_level
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = before


@asynccontextmanager
async def in_own_transaction_async(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[None]:
    """Like `in_own_transaction`, asynchronously."""
    _refuse_nesting(connection)
    before = connection.isolation_level
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    try:
        async with connection.transaction():
            yield
    finally:
        if not connection.closed:
            await connection.set_isolation_level(before)


def _refuse_nesting(connection: psycopg.BaseConnection[Any]) -> None:
    if is_in_transaction(connection):
        raise RuntimeError("the connection is inside of another transaction: end that first")


def leave_raw(connection: psycopg.Connection[Any]) -> None:
    """Make `connection` return text as bytes, timestamptz as `read_instant` takes it, rows as tuples.

    A function of the user's may have opened it with other factories.
    """
    connection.row_factory, connection.cursor_factory = tuple_row, psycopg.Cursor
    for name, of_text in (("text", _RawLoader), ("timestamptz", _InstantLoader)):
        connection.adapters.register_loader(name, ByteaBinaryLoader)
        connection.adapters.register_loader(name, of_text)


def _is_unoccupied(connection: psycopg.BaseConnection[Any]) -> bool:
    pgconn = connection.pgconn
    return pgconn.status == ConnStatus.OK and pgconn.transaction_status == TransactionStatus.IDLE


def _is_made_up(connection: psycopg.BaseConnection[Any], found: TupleRow) -> bool:
    return bool(found[0] != connection.pgconn.backend_pid)


def _prepare_nothing(connection: psycopg.BaseConnection[Any], pooler: bool) -> None:
    if pooler:
        connection.prepare_threshold = None


class _RawLoader(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _InstantLoader(Loader):
    """Where a statement gives text: behind a pooler."""

    def load(self, data: Buffer) -> bytes:
        return instant_of(bytes(data))


def _parse(conninfo: str) -> dict[str, Any]:
    try:
        parameters = dict(libpq.conninfo_to_dict(conninfo))
    except psycopg.ProgrammingError as error:
        hint = explain(conninfo, str(error))
        raise ConfigError("the database URL cannot be parsed", hint=hint) from None
    if misread := find_misread(conninfo):
        raise ConfigError("the database URL has an `@` or `/` in its password", hint=misread)
    return parameters


def _parameters(conninfo: str, application_name: str) -> dict[str, Any]:
    # Payloads are read as the bytes that the server sends: JSON is UTF-8, whatever the database is.
    parameters = _DEFAULTS | _parse(conninfo) | {"client_encoding": "utf8"}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        parameters.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    # PGAPPNAME and the conninfo go before the fallback.
    parameters.setdefault("fallback_application_name", application_name)
    return parameters


def _unreachable(error: psycopg.Error, parameters: dict[str, Any]) -> DatabaseError:
    return DatabaseError(
        f"cannot connect to {_describe(parameters)}: {_one_line(error)}",
        hint="check that the server runs and that host, port, user and database are right",
        sqlstate=error.sqlstate,
    )


def _describe(parameters: dict[str, Any]) -> str:
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST")
    port = parameters.get("port") or os.environ.get("PGPORT")
    name = parameters.get("dbname") or os.environ.get("PGDATABASE") or parameters.get("user")
    where = f"{host}:{port}" if host and port else host or "the default host"
    return f"database `{name}` at `{where}`" if name else f"the database at `{where}`"


def _one_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split())


def _hint(error: psycopg.Error) -> str | None:
    if error.sqlstate in _POOLER and "prepared statement" in str(error):
        return (
            "behind a pooler in transaction mode, give a connection or pool "
            "with prepare_threshold=None"
        )
    if type(error) is psycopg.OperationalError and "is closed" not in str(error):
        return "the connection was lost: whether the statement took effect is unknown"
    detail = error.diag.message_hint or error.diag.message_detail
    return " ".join(detail.split()) if detail else None
