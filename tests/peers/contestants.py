"""The contestants: what each runs, with which settings, and what it leaves to its user.

To add one: write its program into `programs`, its package into `requirements.txt` or `package.json`,
and its entry here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One queue, and how it is run.

    package: what its version is taken from, on PyPI or npm
    program: a module of `programs`, or a file there for Node
    processes: how many of the program work at once
    jobs: how many are drained in a round: some seconds' work
    left: SQL whose answer has a row as long as jobs are left
    settings: what differs from its defaults; source: the documentation that says so
    lacks: what pgmqgen does for a job in this run, and it does not
    """

    name: str
    package: str
    program: str
    jobs: int
    left: str
    settings: str
    source: str = ""
    lacks: str = "-"
    processes: int = 1


_UNCHECKED = "validation, typed payload"

OURS = Contestant(
    name="pgmqgen",
    package="pgmqgen",
    program="pgmqgen_worker",
    jobs=120_000,
    left="SELECT 1 FROM pgmq.q_orders ORDER BY msg_id DESC LIMIT 1",
    settings="a worker with 2 processes, `notify`",
)
PEERS = (
    Contestant(
        name="pgmq-py loop",
        package="pgmq",
        program="pgmq_loop",
        jobs=60_000,
        left="SELECT 1 FROM pgmq.q_orders ORDER BY msg_id DESC LIMIT 1",
        settings="2 processes, `read_with_poll` of 100 each 100 ms, `delete_batch`",
        source="https://github.com/pgmq/pgmq-py",
        lacks=f"{_UNCHECKED}, retries with backoff, dead letters, fenced deletes, time-outs",
        processes=2,
    ),
    Contestant(
        name="graphile-worker",
        package="graphile-worker",
        program="graphile.mjs",
        jobs=100_000,
        left="SELECT 1 FROM graphile_worker._private_jobs ORDER BY id DESC LIMIT 1",
        settings="2 processes, `concurrentJobs` 24, `localQueue` 500, batch delays 0",
        source="https://worker.graphile.org/docs/performance",
        lacks=f"{_UNCHECKED}, time-outs; after a crash its jobs wait for 4 hours",
        processes=2,
    ),
    Contestant(
        name="PgQueuer",
        package="pgqueuer",
        program="pgqueuer_worker",
        jobs=30_000,
        left="SELECT 1 FROM pgqueuer LIMIT 1",
        settings="2 processes, asyncpg, uvloop, `batch_size` 100, `pgq autovac`",
        source="https://janbjorge.github.io/pgqueuer/guides/performance-tuning",
        lacks=f"{_UNCHECKED}, retries unless asked for, process isolation",
        processes=2,
    ),
    Contestant(
        name="pg-boss",
        package="pg-boss",
        program="pgboss.mjs",
        jobs=40_000,
        left="SELECT 1 FROM pgboss.job WHERE name = 'orders' AND state < 'completed' LIMIT 1",
        settings="2 processes, `batchSize` 500, `burstWhenBatchFull`, `localConcurrency` 2, `notify`",
        source="https://timgit.github.io/pg-boss/#/./api/workers",
        lacks=f"{_UNCHECKED}, an outcome a job: a batch succeeds or fails as a whole",
        processes=2,
    ),
    Contestant(
        name="Chancy",
        package="chancy",
        program="chancy_worker",
        jobs=15_000,
        left="SELECT 1 FROM chancy_jobs WHERE state IN ('pending', 'running', 'retrying') LIMIT 1",
        settings="2 processes, async executor, `concurrency` 100, `eager_polling`",
        source="https://tkte.ch/chancy/",
        lacks=f"{_UNCHECKED}, process isolation with this executor",
        processes=2,
    ),
    Contestant(
        name="dramatiq-pg",
        package="dramatiq-pg",
        program="dramatiq_worker",
        jobs=4_000,
        left="SELECT 1 FROM dramatiq.queue WHERE state IN ('queued', 'consumed') LIMIT 1",
        settings="2 processes of 8 threads (dramatiq's default threads), no results",
        source="https://gitlab.com/dalibo/dramatiq-pg",
        lacks=_UNCHECKED,
        processes=2,
    ),
    Contestant(
        name="Celery",
        package="celery",
        program="celery_worker",
        jobs=3_000,
        left="SELECT 1 FROM pgmq.q_celery ORDER BY msg_id DESC LIMIT 1",
        settings="kombu-pgmq, prefork of 2, prefetch of 100, no pool, no results, polls each 100 ms",
        source="https://docs.celeryq.dev/en/stable/userguide/optimizing.html",
        lacks=f"{_UNCHECKED}; acknowledges before it handles, so a crash loses jobs",
    ),
    Contestant(
        name="Procrastinate",
        package="procrastinate",
        program="procrastinate_worker",
        jobs=3_000,
        left="SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1",
        settings="2 processes, async, `concurrency` 10, `delete_jobs` successful",
        source="https://procrastinate.readthedocs.io/en/stable/howto/production/concurrency.html",
        lacks=f"{_UNCHECKED}, time-outs, retries unless asked for",
        processes=2,
    ),
)
