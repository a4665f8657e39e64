"""Makes the queues that are measured, or takes one of a project, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgmqgen.admin.migrate import apply
from pgmqgen.bench import payloads
from pgmqgen.bench.course import Course
from pgmqgen.bench.options import Options
from pgmqgen.bench.subject import Subject
from pgmqgen.bench.wording import counted
from pgmqgen.config import load_config
from pgmqgen.errors import ConfigError, DatabaseError
from pgmqgen.runtime.database.postgres import connect, translating_errors
from pgmqgen.runtime.registry import Registry, load_registry
from pgmqgen.stage import project
from pgmqgen.stage.screen import Screen

if TYPE_CHECKING:
    from psycopg import Connection

_PACKAGE = "pgmqgen_bench_queues"
_PREFIX = "pgmqgen_bench_"
_NOTIFYING = f"{_PREFIX}notify"
_LABELS = {1000: "1 KB", 200: "200 B"}
_AT_REST = ("idle", "memory")
_THERE = """
SELECT queue_name FROM pgmq.meta WHERE lower(queue_name) = ANY(%s) ORDER BY queue_name
"""
_NOTIFY_PARTS = "SELECT to_regnamespace('pgmqgen'), to_regprocedure('pgmqgen.notify_queue()')"


@contextmanager
def project_queue(
    options: Options, registry: Registry, queue: str, url: str, file: Path | None, *, yes: bool
) -> Iterator[Course]:
    """The queue of a project; it is empty afterwards.

    file: holds a payload to send; None takes the schema's examples
    yes: whether messages that are in the queue may be deleted

    Raises ConfigError if it holds messages and that was not agreed to.
    """
    spec = registry[queue]
    texts = payloads.of_project(spec, file)
    size = sum(map(len, texts)) // len(texts)
    subject = Subject(
        url=url,
        registry=registry.import_name,
        queue=queue,
        label=f"`{queue}`, {size:,} B",
        payloads=texts,
    )
    if (count := subject.count()) and not yes:
        raise ConfigError(
            f"queue `{queue}` holds {counted(count, 'message')}",
            hint="--yes deletes them, and then measures on the empty queue",
        )
    notifies = spec.settings.notify
    try:
        yield Course(
            options=options,
            subjects=[subject],
            notifying=subject if notifies else None,
            polled=None if notifies else subject,
            resting=[queue],
        )
    finally:
        subject.purge()


@contextmanager
def synthetic_queues(
    options: Options, url: str | None, screen: Screen, *, yes: bool
) -> Iterator[Course]:
    """Queues made up for the purpose, and dropped afterwards.

    url: of a database with pgmq; None starts a server in a temporary folder
    yes: whether queues of these names that are there may be dropped
    """
    project.check_extras("a synthetic queue", "codegen", *([] if url else ["local"]))
    if url is not None:
        _check_pgmq(url)
    with ExitStack() as stack:
        folder = stack.enter_context(project.temporary_folder())
        if url is None:
            starting = stack.enter_context(project.starting_server(folder / "server"))
        with screen.step("making the queues") as step:
            registry = _make_project(stack, folder / "project", options)
            if url is None:
                url = starting.result()
                apply(url, registry)
            else:
                _make_way(url, registry, yes=yes)
                stack.enter_context(_created(url, registry))
            step.outcome = (
                f"made {counted(2 * len(registry), 'queue')}, half of them for dead letters"
            )
        yield _make_course(options, url, registry)


def _make_project(stack: ExitStack, root: Path, options: Options) -> Registry:
    """Write and compile a project with all queues that the measures need."""
    schemas = root / "schemas"
    schemas.mkdir(parents=True)
    (root / "pgmqgen.toml").write_text(f'output = "{_PACKAGE}"\n[defaults]\n')
    for name, size in _names(options).items():
        (schemas / f"{name}.json").write_text(_schema_of(name, size))
    config = load_config(root)
    project.compile_project(config)
    stack.enter_context(project.importing_from(config.root))
    return load_registry(config.registry)


def _names(options: Options) -> dict[str, int]:
    """The size of the messages of each synthetic queue."""
    names = {f"{_PREFIX}{size}": size for size in options.sizes}
    if "latency" in options.only:
        names[_NOTIFYING] = options.sizes[0]
    if any(name in options.only for name in _AT_REST):
        names |= {f"{_PREFIX}rest_{n:03}": options.sizes[0] for n in range(options.queues)}
    return names


def _schema_of(name: str, size: int) -> str:
    schema = json.loads(payloads.schema_text(size))
    return json.dumps(schema | {"x-pgmq": {"notify": name == _NOTIFYING}})


def _make_course(options: Options, url: str, registry: Registry) -> Course:
    def subject(name: str, size: int) -> Subject:
        return Subject(
            url=url,
            registry=registry.import_name,
            queue=name,
            label=_LABELS[size],
            payloads=payloads.synthetic(size),
        )

    names = _names(options)
    subjects = [subject(f"{_PREFIX}{size}", size) for size in options.sizes]
    return Course(
        options=options,
        subjects=subjects,
        notifying=subject(_NOTIFYING, names[_NOTIFYING]) if _NOTIFYING in names else None,
        polled=subjects[0],
        resting=[name for name in names if name.startswith(f"{_PREFIX}rest_")],
    )


def _check_pgmq(url: str) -> None:
    with connect(url) as connection, translating_errors():
        found = connection.execute("SELECT to_regclass('pgmq.meta')").fetchone()
    if found == (None,):
        raise DatabaseError(
            "the database has no pgmq", hint="run `pgmqgen migrate`, or leave out the database"
        )


def _make_way(url: str, registry: Registry, *, yes: bool) -> None:
    """Raise ConfigError if the database has such queues already; drop them if `yes`."""
    with connect(url) as connection, translating_errors():
        there = _there(connection, registry)
    if there and not yes:
        raise ConfigError(
            f"there is a queue `{there[0]}` already: another benchmark runs, or one was killed",
            hint="--yes drops such queues",
        )
    _drop(url, registry)


@contextmanager
def _created(url: str, registry: Registry) -> Iterator[None]:
    """The queues of the registry; they, and what was made for them, are dropped afterwards."""
    with connect(url) as connection, translating_errors():
        before = _notify_parts(connection)
    try:
        apply(url, registry)
        yield
    finally:
        _drop(url, registry)
        with connect(url) as connection, translating_errors():
            schema, function = _notify_parts(connection)
            if function and not before[1]:
                connection.execute("DROP FUNCTION pgmqgen.notify_queue()")
            if schema and not before[0]:
                connection.execute("DROP SCHEMA pgmqgen")


def _drop(url: str, registry: Registry) -> None:
    with connect(url) as connection, translating_errors():
        for name in _there(connection, registry):
            connection.execute("SELECT pgmq.drop_queue(%s)", [name])


def _there(connection: Connection, registry: Registry) -> list[str]:
    """Which of the queues and dead-letter queues of the registry the database has."""
    names = [name for spec in registry.values() for name in (spec.name, spec.settings.dlq)]
    return [name for (name,) in connection.execute(_THERE, [names])]


def _notify_parts(connection: Connection) -> tuple[str | None, str | None]:
    """The schema and the function that notify workers, where the database has them."""
    (row,) = connection.execute(_NOTIFY_PARTS)
    return row[0], row[1]
