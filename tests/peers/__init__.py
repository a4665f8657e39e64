"""Other queues on PostgreSQL beside pgmqgen: the same jobs, the same server, one run. `make peers`.

Rounds are interleaved: in each, every contestant has its turn. For each turn it gets a fresh database
on the embedded server, its own tables in it, and its own count of jobs, of 1 KB or 200 B, enough for
some seconds. They are enqueued before anything is timed; then follow VACUUM ANALYZE and CHECKPOINT. The
processes start, load all that they need, and begin together.

Drain: timed from the moment when the first handler begins until the table has no job left that is
waiting or running. Not timed: enqueueing, imports, connecting, and the first fetch. The handler does
nothing, but looks at one field of the order. Messages are deleted, or marked as done, by the
contestant's own rule, and what that costs is timed.

Wait: a process of the contestant's own client sends 20 jobs a second, one by one; each carries the
time just before it was sent, and the handler compares that with its own. So the commit of the sender
counts, and a poll where there is no notification. The first second is left out.

Each contestant has settings that its own documentation recommends for throughput, as far as it says so, and
is named with what it does not do for a job: pgmqgen decodes, validates by JSON Schema and builds
the typed model of each order, in both measurements. One that cannot be installed or run is in the table
with the reason. Nothing here is tested by CI: the peers are not ours.
"""
