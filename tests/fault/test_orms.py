"""SQLAlchemy and Django: what they write, and the message, in one commit; in producers and handlers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fault.harness import Shop

_COMMON = """
import os

from pgmqgen import Producer
from shop import orders


class OrderProducer(Producer):
    contract = orders.contract
"""

_SQLALCHEMY = f"""{_COMMON}
from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine(os.environ["URL"].replace("postgresql:", "postgresql+psycopg:"))


class Base(DeclarativeBase):
    pass


class Effect(Base):
    __tablename__ = "effects"
    id: Mapped[int] = mapped_column(primary_key=True)


def driver(session):
    return session.connection().connection.driver_connection


def send(number):
    with Session(engine) as session, session.begin():
        session.add(Effect(id=number))
        session.flush()
        OrderProducer(driver(session)).send({{"id": number, "do": "pass"}})
        if number < 0:
            raise ValueError(number)


def work(message, context):
    with Session(engine) as session, session.begin():
        session.add(Effect(id=message.payload["id"] + 100))
        session.flush()
        context.acknowledge(driver(session))
        if message.attempt == 1:
            raise ValueError("the first time")
"""

_DJANGO = f"""{_COMMON}
import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

found = conninfo_to_dict(os.environ["URL"])
settings.configure(DATABASES={{"default": {{
    "ENGINE": "django.db.backends.postgresql", "NAME": found["dbname"], "USER": found["user"],
    "HOST": found["host"], "PORT": found["port"],
}}}})
django.setup()

from django.db import connection, models, transaction


class Effect(models.Model):
    class Meta:
        app_label, db_table = "shop", "effects"

    id = models.IntegerField(primary_key=True)


def send(number):
    with transaction.atomic():
        Effect.objects.create(id=number)
        OrderProducer(connection.connection).send({{"id": number, "do": "pass"}})
        if number < 0:
            raise ValueError(number)


def work(message, context):
    with transaction.atomic():
        Effect.objects.create(id=message.payload["id"] + 100)
        context.acknowledge(connection.connection)
        if message.attempt == 1:
            raise ValueError("the first time")
"""

_HANDLER = """
def by_orm(message, context):
    from shop import orm

    note("begin", message)
    orm.work(message, context)
"""


@pytest.mark.parametrize("orm", [_SQLALCHEMY, _DJANGO], ids=["sqlalchemy", "django"])
def test_a_transaction_of_an_orm(
    shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch, orm: str
) -> None:
    monkeypatch.setenv("URL", database_url)
    shop.add_queues({"orders": {"function": "by_orm", "max_attempts": 3}}, _HANDLER)
    (shop.folder / "shop" / "orm.py").write_text(orm)
    shop.execute("CREATE TABLE effects (id int PRIMARY KEY)")
    _send(shop, 1)
    assert "ValueError: -1" in _send(shop, -1)
    assert [row["message"]["id"] for row in shop.rows("q_orders")] == [1]
    shop.run()
    assert [line.attempt for line in shop.ledger("begin")] == [1, 2]
    assert shop.execute("SELECT id FROM effects ORDER BY id") == [(1,), (101,)]
    assert shop.count("q_orders") == shop.count("q_orders_dlq") == 0
    assert "lease" not in shop.logs()


def _send(shop: Shop, number: int) -> str:
    command = [sys.executable, "-c", f"from shop.orm import send; send({number})"]
    done = subprocess.run(command, cwd=shop.folder, capture_output=True, text=True, check=False)
    return done.stderr
