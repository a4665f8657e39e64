"""Every SQL statement of the runtime, one constant each.

`{queue}`, `{archive}` and `{dlq}` stand for quoted table names, which `table` gives; what depends on
the columns of these tables, a `Layout` fills in.
"""

from __future__ import annotations

from pgmqgen.runtime.layout import CURRENT, Layout


def table(prefix: str, queue: str) -> str:
    """Quoted, schema-qualified name of a queue's table; `prefix` is `q` (queue) or `a` (archive).

    pgmq lower-cases the name of a queue into its table's name.
    """
    name = f"{prefix}_{queue}".lower().replace('"', '""')
    return f'pgmq."{name}"'


def on_tables(template: str, queue: str, layout: Layout = CURRENT) -> str:
    """A statement of the clients with the tables of a queue."""
    # A per cent sign in a name must not look like a parameter.
    names = (table(prefix, queue).replace("%", "%%") for prefix in "qa")
    return layout.fill(template, **dict(zip(("queue", "archive"), names, strict=True)))


_RECORDED = "{{attempts,releases,queue,msg_id,enqueued_at,failed_at,reason,error,traceback,errors}}"
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

SEND_BATCH = f"""
INSERT INTO {{queue}} (vt, message)
SELECT {_DUE}, sent.message
FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS sent (message, position)
ORDER BY sent.position
RETURNING msg_id
"""

SEND_BATCH_WITH_HEADERS = f"""
INSERT INTO {{queue}} (vt, message, headers)
SELECT {_DUE}, sent.message, %s::jsonb
FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS sent (message, position)
ORDER BY sent.position
RETURNING msg_id
"""

SEND_BATCH_WITH_HEADERS_EACH = f"""
INSERT INTO {{queue}} (vt, message, headers)
SELECT {_DUE}, sent.message, nullif(sent.headers, 'null')
FROM ROWS FROM (jsonb_array_elements(%s::jsonb), jsonb_array_elements(%s::jsonb))
    WITH ORDINALITY AS sent (headers, message, position)
ORDER BY sent.position
RETURNING msg_id
"""

# The subquery makes the volatile clock a constant, so that the index on vt serves; now() would
# hide what the same transaction has sent.
READ = """
WITH due AS (
    SELECT msg_id FROM {queue}
    WHERE vt <= (SELECT clock_timestamp())
    ORDER BY vt LIMIT %s
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE {queue} AS q
    SET vt = clock_timestamp() + make_interval(secs => %s::float8),
        read_ct = q.read_ct + 1{noted}
    FROM due WHERE q.msg_id = due.msg_id
    RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message::text, {headers}::text
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


_FENCED = "q.msg_id = fence.msg_id AND q.read_ct = fence.read_ct"
_FENCE = "unnest(%(ids)s::bigint[], %(read_counts)s::int[]) AS fence (msg_id, read_ct)"

_LEASED = """
due AS (
    SELECT msg_id FROM {queue}
    WHERE vt <= now() AND msg_id <> ALL (%(ids)s::bigint[])
    ORDER BY vt LIMIT %(quantity)s
    FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE {queue} AS q SET
        vt = clock_timestamp() + make_interval(secs => %(lease_s)s::float8),
        read_ct = q.read_ct + 1{noted}
    WHERE q.msg_id = ANY (ARRAY (SELECT msg_id FROM due))
    RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, {headers}, q.message
)
SELECT acknowledged.count, leased.*
FROM (SELECT count(*) FROM settled) AS acknowledged LEFT JOIN leased ON true
"""

# Acknowledges a lane's finished messages and leases its next ones, in one commit. No row may be
# touched twice by one statement: one whose lease has just run out is not leased again. The
# first column of every row is how many acknowledgements were still fenced.
EXCHANGE = f"""
WITH settled AS (
    DELETE FROM {{queue}} AS q USING {_FENCE} WHERE {_FENCED} RETURNING q.msg_id
), {_LEASED}"""

_ARCHIVED = """
    INSERT INTO {archive} ({archived}) SELECT {archived} FROM gone
    RETURNING msg_id
"""

EXCHANGE_ARCHIVING = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q USING {_FENCE} WHERE {_FENCED} RETURNING q.*
), settled AS ({_ARCHIVED}), {_LEASED}"""

LEASE_ONE = """
UPDATE {queue} AS q SET
    vt = clock_timestamp() + make_interval(secs => %(lease_s)s::float8),
    read_ct = q.read_ct + 1{noted}
WHERE q.msg_id = %(msg_id)s AND q.vt <= now()
RETURNING q.msg_id, q.read_ct, q.enqueued_at, q.vt, {headers}, q.message
"""

DELETE_FENCED = f"""
DELETE FROM {{queue}} AS q USING {_FENCE} WHERE {_FENCED} RETURNING q.msg_id
"""

ARCHIVE_FENCED = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q USING {_FENCE} WHERE {_FENCED} RETURNING q.*
){_ARCHIVED}
"""

_PATCHES = (
    "unnest(%(ids)s::bigint[], %(read_counts)s::int[], %(patches)s::jsonb[]) "
    "AS fence (msg_id, read_ct, patch)"
)

# For a retry and for a lease given back: both say so in the reserved header.
RESCHEDULE = f"""
UPDATE {{queue}} AS q SET
    vt = clock_timestamp() + make_interval(secs => (fence.patch ->> 'delay_s')::float8),
    headers = {merged_headers("(fence.patch -> 'header')")}
FROM {_PATCHES} WHERE {_FENCED} RETURNING q.msg_id
"""

# Where there are no headers, nothing says how often a message failed, nor why it is dead.
RESCHEDULE_BARE = f"""
UPDATE {{queue}} AS q SET
    vt = clock_timestamp() + make_interval(secs => (fence.patch ->> 'delay_s')::float8)
FROM {_PATCHES} WHERE {_FENCED} RETURNING q.msg_id
"""

DEAD_LETTER_BARE = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q USING {_FENCE} WHERE {_FENCED} RETURNING q.*
)
INSERT INTO {{dlq}} (vt, message) SELECT clock_timestamp(), message FROM gone RETURNING msg_id
"""

_BURIED = f"""
WITH gone AS (
    DELETE FROM {{queue}} AS q USING {_PATCHES} WHERE {_FENCED} RETURNING q.*, fence.patch
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
    SELECT q.msg_id FROM {{queue}} AS q JOIN {_FENCE} ON {_FENCED}
    ORDER BY q.msg_id FOR UPDATE OF q SKIP LOCKED
)
UPDATE {{queue}} AS q SET vt = clock_timestamp() + make_interval(secs => %(lease_s)s::float8)
FROM held WHERE q.msg_id = held.msg_id RETURNING q.msg_id, q.read_ct
"""

HELD = f"SELECT q.msg_id, q.read_ct FROM {{queue}} AS q JOIN {_FENCE} ON {_FENCED}"

# Seconds until the next message of each queue is due (negative: it is overdue), null if empty.
NEXT_DUE = "SELECT {number}, extract(epoch FROM min(vt) - clock_timestamp())::float8 FROM {queue}"

LEFT_BEHIND = """
SELECT count(*) FILTER (WHERE read_ct = 0), count(*) FILTER (WHERE read_ct > 0) FROM {queue}
"""

COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""

LISTEN = "LISTEN pgmqgen"
