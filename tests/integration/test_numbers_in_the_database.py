"""Numbers on the way through a real database: the same number comes out, typed or not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

from pgmqgen import Contract, InvalidMessage, Queue
from pgmqgen.numbers import exact_decimal, fits
from pgmqgen.runtime.number_types import DecimalNumber, Number

TEXTS = [
    "18446744073709551617",
    "-170141183460469231731687303715884105729",
    "1" + "0" * 300,
    "1234567890123456789012345678901234567890.5",
    "0.1234567890123456789012345678901234567890",
    "0." + "0" * 299 + "1",
    "1e-300",
    "1E400",
    "-1.5e-400",
    "-0.0",
    "1.0",
    "1.10",
    "1e22",
    "1e23",
    "9007199254740993.0",
    "9" * 131_072,
    "0." + "3" * 16_383,
]
"""As they stand in JSON; jsonb writes none with an exponent."""


class Measure(BaseModel):
    """As generated for a number, a decimal, an integer or a number, and anything."""

    number: Number
    exact: DecimalNumber
    either: list[int | Number]
    free: Any


def measures(schema: Any) -> Contract[Measure]:
    return Contract(
        queue="measures",
        schema={"properties": {"number": schema, "free": schema}},
        payload=Measure,
        fingerprint="f00d",
    )


def measure(text: str) -> str:
    return '{"number":%s,"exact":%s,"either":[%s],"free":%s}' % ((text,) * 4)


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a database that has the queue `measures`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('measures')")
        yield connection


def test_numbers_are_the_same_after_the_database(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    for text in TEXTS:
        db.execute("SELECT pgmq.purge_queue('measures')")
        check(text, database_url, db)


def check(text: str, database_url: str, db: psycopg.Connection[Any]) -> None:
    number = Decimal(text)
    contract = measures({"const": number, "minimum": number, "maximum": number})
    db.execute("SELECT pgmq.send('measures', %s::jsonb)", [measure(text)])
    with Queue(database_url, "measures", contract) as queue:
        [received] = queue.read()
        queue.send(received.payload)
        queue.send_batch([received.payload])
        messages = [received, *queue.read(quantity=2)]
    assert len(messages) == 3
    for message in messages:
        payload = message.payload
        values = [payload.number, payload.exact, *payload.either, payload.free]
        assert [exact_decimal(value) for value in values] == [number] * 4
    rows = db.execute(
        "SELECT message::text, message = %s::jsonb FROM pgmq.q_measures", [measure(text)]
    ).fetchall()
    assert [equal for _, equal in rows] == [True] * 3
    for written, _ in rows:
        with pytest.raises(InvalidMessage):
            measures({"not": {"const": number}}).decode(written)


def test_jsonb_writes_no_exponents(db: psycopg.Connection[Any]) -> None:
    """What the search for long numbers relies upon for its speed."""
    for text in TEXTS:
        [written] = db.execute("SELECT %s::jsonb::text", [text]).fetchone() or ()
        assert "e" not in written.lower()
        assert Decimal(written) == Decimal(text)


def test_jsonb_holds_what_we_hold(db: psycopg.Connection[Any]) -> None:
    for text in ("1e131071", "1e131072", "1e-16383", "1e-16384", "-9.9e131071", "1e999999"):
        try:
            db.execute("SELECT %s::jsonb", [text])
            holds = True
        except psycopg.Error:
            holds = False
        assert fits(Decimal(text)) == holds
