"""The SQL that a migration runs; every text is idempotent and can stand in a file for psql.

The package `pgmq` is imported only where pgmq is to be installed: with SQLAlchemy that takes a second.
"""

from __future__ import annotations

from typing import Final, LiteralString

from pgmqgen.admin.quoting import literal
from pgmqgen.queue import Kind
from pgmqgen.runtime.database.sql import table

TRIGGER: Final = "pgmqgen_notify"
CREATE_FUNCTIONS: Final[dict[Kind, str]] = {
    "standard": "create",
    "unlogged": "create_unlogged",
    "partitioned": "create_partitioned",
}
"""The function of pgmq that creates a queue of each kind."""

LOCK: Final[LiteralString] = """\
DO $pgmqgen$ BEGIN
    -- One migration at a time, until the end of the transaction.
    PERFORM pg_advisory_xact_lock(7237125170926);
    -- Behind a lock that is waited for, producers wait as well.
    PERFORM set_config('lock_timeout', '2s', true);
END $pgmqgen$;
"""

NOTIFY_BODY: Final = """
BEGIN
    PERFORM pg_notify('pgmqgen', TG_ARGV[0]);
    RETURN NULL;
END
"""

_SCHEMA: Final = """
    IF to_regnamespace('pgmqgen') IS NULL THEN
        CREATE SCHEMA pgmqgen;
    END IF;"""

NOTIFY_FUNCTION: Final = f"""\
DO $pgmqgen$ BEGIN{_SCHEMA}
END $pgmqgen$;
CREATE OR REPLACE FUNCTION pgmqgen.notify_queue() RETURNS trigger
    LANGUAGE plpgsql AS $pgmqgen${NOTIFY_BODY}$pgmqgen$;
"""

DROP_NOTIFY_FUNCTION: Final = """\
DO $pgmqgen$ BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgfoid = to_regprocedure('pgmqgen.notify_queue()')
    ) AND to_regprocedure('pgmqgen.notify_queue()') IS NOT NULL THEN
        DROP FUNCTION pgmqgen.notify_queue();
    END IF;
END $pgmqgen$;
"""
"""Drop the function of notify triggers unless one uses it."""


def pgmq_version() -> str:
    """Version of the pgmq that `install_pgmq` brings along."""
    from pgmq.install import get_embedded_sql_version

    version: str = get_embedded_sql_version()
    return version


def install_pgmq() -> str:
    """Install pgmq where its schema is absent, and record how.

    The extension is only tried there: over an installation from SQL it cannot be created.
    """
    from pgmq.install import get_embedded_install_sql

    return f"""\
DO $pgmqgen$ BEGIN
    IF to_regnamespace('pgmq') IS NOT NULL THEN
        RETURN;
    END IF;{_SCHEMA}
    IF to_regclass('pgmqgen.installation') IS NULL THEN
        CREATE TABLE pgmqgen.installation (
            kind text NOT NULL CHECK (kind IN ('extension', 'sql')),
            version text NOT NULL,
            installed_at timestamptz NOT NULL DEFAULT now()
        );
        COMMENT ON TABLE pgmqgen.installation IS 'how pgmqgen installed pgmq';
    END IF;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgmq') THEN
        CREATE EXTENSION pgmq;
        INSERT INTO pgmqgen.installation (kind, version)
        SELECT 'extension', extversion FROM pg_extension WHERE extname = 'pgmq';
        RETURN;
    END IF;
    EXECUTE $pgmq_sql$
{get_embedded_install_sql()}
    $pgmq_sql$;
    INSERT INTO pgmqgen.installation (kind, version) VALUES ('sql', {literal(pgmq_version())});
END $pgmqgen$;
"""


def create_queue(name: str, kind: Kind) -> str:
    """Create a queue unless it is there, of whatever kind."""
    return f"""\
DO $pgmqgen$ BEGIN
    IF to_regclass({literal(table("q", name))}) IS NULL
        OR NOT EXISTS (SELECT FROM pgmq.meta WHERE lower(queue_name) = {literal(name.lower())})
    THEN
        PERFORM pgmq.{CREATE_FUNCTIONS[kind]}({literal(name)});
    END IF;
END $pgmqgen$;
"""


def create_trigger(name: str) -> str:
    """Create the trigger that tells workers of new messages: one notification a statement.

    pgmq's own trigger is one a row, and makes producers wait for each other.
    """
    queue = table("q", name)
    return f"""\
DO $pgmqgen$ BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = {literal(queue)}::regclass AND tgname = '{TRIGGER}'
    ) THEN
        CREATE TRIGGER {TRIGGER} AFTER INSERT ON {queue}
            FOR EACH STATEMENT EXECUTE FUNCTION pgmqgen.notify_queue({literal(name)});
    END IF;
END $pgmqgen$;
"""


def drop_trigger(name: str) -> str:
    """Drop pgmqgen's own trigger if it is there."""
    queue = table("q", name)
    return f"""\
DO $pgmqgen$ BEGIN
    IF EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = {literal(queue)}::regclass AND tgname = '{TRIGGER}'
    ) THEN
        DROP TRIGGER {TRIGGER} ON {queue};
    END IF;
END $pgmqgen$;
"""
