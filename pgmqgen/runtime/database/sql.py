"""Every SQL statement of the runtime, one constant each.

`{queue}`, `{archive}` and `{dlq}` stand for quoted table names, which `table` gives; what depends on
the columns of these tables, a `Layout` fills in.
"""

from __future__ import annotations

from pgmqgen.runtime.database.layout import CURRENT, Layout


def table(prefix: str, queue: str) -> str:
    """Quoted, schema-qualified name of a queue's table; `prefix` is `q` (queue) or `a` (archive).

    pgmq lower-cases the name of a queue into its table's name.
    """
    name = f"{prefix}_{queue}".lower().replace('"', '""')
    return f'pgmq."{name}"'


def parameterised(prefix: str, queue: str) -> str:
    """The same for a statement with parameters, where `%` stands for one."""
    return table(prefix, queue).replace("%", "%%")


def on_tables(template: str, queue: str, layout: Layout = CURRENT) -> str:
    """A statement of the clients with the tables of a queue."""
    names = (parameterised(prefix, queue) for prefix in "qa")
    return layout.fill(template, **dict(zip(("queue", "archive"), names, strict=True)))


_RECORDED = (
    "{{attempts,releases,final,unexplained,queue,msg_id,enqueued_at,failed_at,"
    "reason,error,traceback,errors}}"
)
"""Keys of the reserved header that tell how leases ended, and perhaps the message."""


def merged_headers(patch: str) -> str:
    """SQL for `headers` with the jsonb expression `patch` joined to the reserved header.

    What that told of earlier ends goes. Headers that are not an object are kept under a key, so
    that nothing is lost.
    """
    kept = (
        "CASE WHEN headers IS NULL THEN '{{}}' WHEN jsonb_typeof(headers) = 'object' THEN headers "
        "ELSE jsonb_build_object('x-pgmqgen-headers', headers) END"
    )
    reserved = (
        "CASE WHEN jsonb_typeof(headers -> 'x-pgmqgen') = 'object' "
        f"THEN (headers -> 'x-pgmqgen') - '{_RECORDED}'::text[] ELSE '{{{{}}}}' END"
    )
    return f"{kept} || jsonb_build_object('x-pgmqgen', {reserved} || {patch})"


# Of the clients. They take `{queue}`, `{archive}` and psycopg's `%s`. A null read count is no fence.

_DUE = "coalesce(%s::timestamptz, clock_timestamp() + make_interval(secs => %s::float8))"

SEND = f"""
INSERT INTO {{queue}} (vt, message) VALUES ({_DUE}, %s::jsonb) RETURNING msg_id
"""

SEND_WITH_HEADERS = f"""
INSERT INTO {{queue}} (vt, message, headers) VALUES ({_DUE}, %s::jsonb, %s::jsonb) RETURNING msg_id
"""

# One text, a line each message: JSON has no line break but between its tokens. Functions give their
# rows in order, and so the ids are.
_LINES = "unnest(string_to_array(%s::text, E'\\n'))"

SEND_BATCH = f"""
INSERT INTO {{queue}} (vt, message)
SELECT {_DUE}, sent.message::jsonb FROM {_LINES} AS sent (message)
RETURNING msg_id
"""

SEND_BATCH_WITH_HEADERS = f"""
INSERT INTO {{queue}} (vt, message, headers)
SELECT {_DUE}, sent.message::jsonb, %s::jsonb FROM {_LINES} AS sent (message)
RETURNING msg_id
"""

SEND_BATCH_WITH_HEADERS_EACH = f"""
INSERT INTO {{queue}} (vt, message, headers)
SELECT {_DUE}, sent.message::jsonb, nullif(sent.headers, 'null')
FROM ROWS FROM (jsonb_array_elements(%s::jsonb), {_LINES}) AS sent (headers, message)
RETURNING msg_id
"""

_NEXT_COUNT = "least(greatest(q.read_ct, 0), 2147483646) + 1"
"""At the end of its type it stays: it must not fail the statement, and with it the whole queue."""

# The subquery makes the volatile clock a constant, so that the index on vt serves; now() would
# hide what the same transaction has sent.
READ = f"""
WITH due AS (
    SELECT msg_id FROM {{queue}}
    WHERE vt <= (SELECT clock_timestamp())
    ORDER BY vt LIMIT %s
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE {{queue}} AS q
    SET vt = clock_timestamp() + make_interval(secs => %s::float8),
        read_ct = {_NEXT_COUNT}{{noted}}
    WHERE q.msg_id = ANY (ARRAY (SELECT msg_id FROM due))
    RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message::text, {{headers}}::text
)
SELECT * FROM leased ORDER BY msg_id
"""

DELETE = """
DELETE FROM {queue} WHERE msg_id = %s AND read_ct = coalesce(%s, read_ct) RETURNING msg_id
"""

SET_TIMEOUT = """
UPDATE {queue} SET vt = clock_timestamp() + make_interval(secs => %s::float8)
WHERE msg_id = %s AND read_ct = coalesce(%s, read_ct) RETURNING msg_id
"""

ARCHIVE = """
WITH gone AS (
    DELETE FROM {queue} WHERE msg_id = %s AND read_ct = coalesce(%s, read_ct) RETURNING *
)
INSERT INTO {archive} ({archived}) SELECT {archived} FROM gone
RETURNING msg_id
"""

ARCHIVE_INVALID = f"""
WITH gone AS (
    DELETE FROM {{queue}} WHERE msg_id = %s AND read_ct = %s RETURNING *
)
INSERT INTO {{archive}} ({{kept}}, headers)
SELECT {{kept}}, {
    merged_headers(
        "jsonb_build_object('queue', %s::text, 'msg_id', msg_id, 'enqueued_at', enqueued_at, "
        "'failed_at', clock_timestamp(), 'reason', 'invalid', 'errors', %s::jsonb)"
    )
}
FROM gone RETURNING msg_id
"""

METRICS = """
SELECT queue_length, queue_visible_length, oldest_msg_age_sec, newest_msg_age_sec,
    total_messages, scrape_time
FROM pgmq.metrics(%s::text)
"""


# Of the worker. Every statement that touches a leased message is fenced by its read_ct, and
# takes parallel arrays: ids, read counts, and what belongs to each.


# No join, which would be planned by the statistics: those of a queue that was vacuumed while it was
# empty say that it has no rows, and then all of a million would be read for each. IS TRUE keeps
# PostgreSQL from making this one.
FENCE = (
    " AND ((q.msg_id, q.read_ct) IN "
    "(SELECT * FROM unnest(%(ids)s::bigint[], %(read_counts)s::int[]))) IS TRUE"
)
_FENCED = f"q.msg_id = ANY (%(ids)s::bigint[]){FENCE}"

LARGE = 1_000_000
"""Bytes of text from which on a message or its headers are large: only a handler's process loads
it, so that no message is too large for the parent of a worker. It counts as so many."""


def _weight(column: str) -> str:
    """SQL for the bytes that a jsonb column is as text; null if that is large.

    The text itself is made only if it matters. Under 2 kB, whatever is stored is short enough. Over
    500 kB, its text may be longer than PostgreSQL can make one, so that it must not be asked for.
    """
    return (
        f"CASE WHEN {column} IS NULL THEN 0 "
        f"WHEN pg_column_size({column}) < 2000 THEN pg_column_size({column}) "
        f"WHEN pg_column_size({column}) < 500000 "
        f"THEN nullif(least(octet_length(({column})::text), {LARGE}), {LARGE}) END"
    )


_WEIGHT = f"{_weight('q.message')} + {_weight('{headers}')}"

# What earlier leases have recorded stands apart: it must not be missed because the other headers are
# large or hostile. Of a large message headers and payload are null. The subquery is evaluated once.
_TAKEN = f"""
    SET vt = (SELECT clock_timestamp() + make_interval(secs => %(lease_s)s::float8)),
        read_ct = {_NEXT_COUNT}{{noted}}
    WHERE q.msg_id = ANY (ARRAY (SELECT msg_id FROM chosen))
    RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt,
        CASE WHEN q.read_ct > 1 AND pg_column_size({{headers}} -> 'x-pgmqgen') < {LARGE}
            THEN {{headers}} -> 'x-pgmqgen' END::text,
        CASE WHEN q.msg_id <> ALL (ARRAY (SELECT msg_id FROM large)) THEN {{headers}} END::text,
        CASE WHEN q.msg_id <> ALL (ARRAY (SELECT msg_id FROM large))
            THEN coalesce(q.message, 'null') END::text
"""

_LATE = "interval '0.1 s'"
"""So much later than `vt` says, a sender may commit, and its message is still found at once."""

_LEASED = f"""
due AS (
    SELECT q.msg_id, q.vt, {_WEIGHT} AS weight FROM {{queue}} AS q
    WHERE q.vt <= now() AND q.vt >= %(floor)s::timestamptz
        AND q.msg_id NOT IN (SELECT unnest(%(ids)s::bigint[]))
    ORDER BY q.vt LIMIT %(quantity)s
    FOR UPDATE SKIP LOCKED
), large AS (
    SELECT msg_id FROM due WHERE weight IS NULL
), chosen AS (
    SELECT msg_id, vt FROM (
        SELECT msg_id, vt, sum(coalesce(weight, {LARGE})) OVER (ROWS UNBOUNDED PRECEDING)
            - coalesce(weight, {LARGE}) AS before
        FROM due
    ) AS weighed
    WHERE before < %(room)s
), leased AS (
    UPDATE {{queue}} AS q{_TAKEN}
)
SELECT NULL::bigint, count(*)::int, NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::text,
    (SELECT least(max(vt), now() - {_LATE}) FROM chosen)::text
FROM settled
UNION ALL SELECT * FROM leased
"""

# Acknowledges a lane's finished messages and leases its next ones, in one commit. No row may be
# touched twice by one statement: one whose lease has just run out is not leased again. NOT IN makes a
# hash of those, where <> ALL would compare each row with each of them. The first row tells how many
# acknowledgements were still fenced, and at its end from where on in the order of `vt` messages may be
# left; the others are leased.
EXCHANGE = f"""
WITH settled AS (
    DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.msg_id
), {_LEASED}"""

_ARCHIVED = """
    INSERT INTO {archive} ({archived}) SELECT {archived} FROM gone
    RETURNING msg_id
"""

EXCHANGE_ARCHIVING = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.*
), settled AS ({_ARCHIVED}), {_LEASED}"""

# IS TRUE keeps the index on vt out, which may lead through all that is visible.
LEASE_ONE = f"""
WITH chosen AS (
    SELECT q.msg_id, {_WEIGHT} AS weight FROM {{queue}} AS q
    WHERE q.msg_id = %(msg_id)s AND (q.vt <= now()) IS TRUE FOR UPDATE
), large AS (
    SELECT msg_id FROM chosen WHERE weight IS NULL
)
UPDATE {{queue}} AS q{_TAKEN}
"""

# What is left out of a large message when it is leased.
CONTENT = """
SELECT convert_to(({headers})::text, 'UTF8'), convert_to(q.message::text, 'UTF8')
FROM {queue} AS q WHERE q.msg_id = %s AND q.read_ct = %s
"""

DELETE_FENCED = f"""
DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.msg_id
"""

ARCHIVE_FENCED = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.*
){_ARCHIVED}
"""

_PATCH = "(%(patches)s::jsonb -> (q.msg_id || '/' || q.read_ct))"
"""What is to be recorded of a lease."""

# For a retry and for a lease given back: both say so in the reserved header.
RESCHEDULE = f"""
UPDATE {{queue}} AS q SET
    vt = clock_timestamp() + make_interval(secs => ({_PATCH} ->> 'delay_s')::float8),
    headers = {merged_headers(f"({_PATCH} -> 'header')")}
WHERE {_FENCED} RETURNING q.msg_id
"""

# Where there are no headers, nothing says how often a message failed, nor why it is dead.
RESCHEDULE_BARE = f"""
UPDATE {{queue}} AS q SET
    vt = clock_timestamp() + make_interval(secs => ({_PATCH} ->> 'delay_s')::float8)
WHERE {_FENCED} RETURNING q.msg_id
"""

DEAD_LETTER_BARE = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.*
)
INSERT INTO {{dlq}} (vt, message) SELECT clock_timestamp(), message FROM gone RETURNING msg_id
"""

_BURIED = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q WHERE {_FENCED} RETURNING q.*, {_PATCH} AS patch
), marked AS (
    SELECT {{kept}}, {
    merged_headers(
        "jsonb_build_object('msg_id', msg_id, 'enqueued_at', enqueued_at, "
        "'failed_at', clock_timestamp()) || patch"
    )
} AS headers FROM gone
)
"""

DEAD_LETTER = f"""{_BURIED}
INSERT INTO {{dlq}} (vt, message, headers) SELECT clock_timestamp(), message, headers FROM marked
RETURNING msg_id
"""

ARCHIVE_FAILED = f"""{_BURIED}
INSERT INTO {{archive}} ({{kept}}, headers) SELECT {{kept}}, headers FROM marked
RETURNING msg_id
"""

# Locks in msg_id order and skips what is locked: a row that somebody holds is being settled.
EXTEND = f"""
WITH held AS (
    SELECT q.msg_id FROM {{queue}} AS q WHERE {_FENCED} ORDER BY q.msg_id FOR UPDATE SKIP LOCKED
)
UPDATE {{queue}} AS q SET vt = clock_timestamp() + make_interval(secs => %(lease_s)s::float8)
WHERE q.msg_id = ANY (ARRAY (SELECT msg_id FROM held)) RETURNING q.msg_id, q.read_ct
"""

HELD = f"SELECT q.msg_id, q.read_ct FROM {{queue}} AS q WHERE {_FENCED}"

# Seconds until the next message of each queue is due (negative: it is overdue), null if empty; and
# where to look from next time.
NEXT_DUE = f"""
SELECT {{number}}, extract(epoch FROM min(vt) - clock_timestamp())::float8, (now() - {_LATE})::text
FROM {{queue}} WHERE vt >= %(floor)s::timestamptz
"""

LEFT_BEHIND = """
SELECT count(*) FILTER (WHERE read_ct = 0), count(*) FILTER (WHERE read_ct > 0) FROM {queue}
"""

COLUMNS = """
SELECT place, attname FROM unnest(%s::text[]) WITH ORDINALITY AS asked (name, place)
JOIN pg_attribute ON attrelid = to_regclass(name) AND attnum > 0 AND NOT attisdropped
"""

LISTEN = "LISTEN pgmqgen"
