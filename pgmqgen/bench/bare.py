"""The bare loop that a worker is held against: `python -m pgmqgen.bench.bare`.

What a program does that knows pgmq alone: it reads 100 messages, which the driver decodes, does
nothing with them, and deletes them, until there are none.
"""

from __future__ import annotations

import psycopg

from pgmqgen.bench.task import await_go, receive_task, say_ready

_READ = "SELECT msg_id, read_ct, message FROM pgmq.read(%s, 30, %s)"
_DELETE = "SELECT pgmq.delete(%s, %s::bigint[])"
_BATCH_SIZE = 100


def main() -> None:
    """Drain the queue of the task over one connection."""
    task = receive_task()
    (queue,) = task.queues
    with psycopg.connect(task.url, autocommit=True) as connection:
        connection.execute(_READ, [queue, 0])
        say_ready()
        await_go()
        while rows := connection.execute(_READ, [queue, _BATCH_SIZE]).fetchall():
            connection.execute(_DELETE, [queue, [row[0] for row in rows]]).fetchall()


if __name__ == "__main__":
    main()
