"""`pgmqgen bench`: how fast a queue is, next to bare pgmq on the same database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pgmqgen.cli.database import Local, RegistryName, database, load_project_registry

if TYPE_CHECKING:
    from pgmqgen.bench.course import Course
    from pgmqgen.bench.options import Options
    from pgmqgen.stage.screen import Screen

_DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database; by default synthetic queues have a server of their own, and those of the "
        "project are on PGMQGEN_DATABASE_URL, then DATABASE_URL.",
    ),
]


def bench(
    only: Annotated[
        list[str] | None, typer.Option(metavar="MEASURE", help="Measure only this; repeatable.")
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A queue of the project; default are synthetic ones."),
    ] = None,
    payload: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON to send to it; default the schema's examples."),
    ] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(metavar="BYTES", help="Of synthetic messages: 1000, 200, or both."),
    ] = None,
    messages: Annotated[int, typer.Option(min=1, help="In a full queue.")] = 30_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often all is repeated.")] = 5,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Of the worker; default one for each core.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second, for latency.")] = 20.0,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long a round of latency, slow and idle takes.")
    ] = 20.0,
    rest: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Before a message after a rest.")
    ] = 11.0,
    rests: Annotated[int, typer.Option(min=0, help="How many of them a round.")] = 2,
    delayed: Annotated[int, typer.Option(min=0, help="Delayed messages, for delayed.")] = 1_000_000,
    queues: Annotated[int, typer.Option(min=1, help="Queues at rest, for idle.")] = 50,
    backlog: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Messages that wait; repeatable; default 1000, 10000 and 100000."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every sample as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print tables in Markdown.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw processes and backlog into this SVG file."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete what is in the queue that is measured.")
    ] = False,
    database_url: _DatabaseUrl = None,
    local: Local = False,
    registry: RegistryName = None,
) -> None:
    """Measure how fast queues are, next to bare pgmq on the same database.

    Synthetic queues are made on a server of their own in a temporary folder, or on the
    database given, and dropped afterwards. A queue of the project is emptied; its handler
    is not called. Stop its workers first: they would take the messages. MEASURE is one of
    send, send_batch, drain, slow, async, delayed, latency, idle, memory, processes,
    backlog.
    For example:

    pgmqgen bench --only drain --only send

    pgmqgen bench --queue send_email --database-url URL
    """
    from pgmqgen.bench.options import make_options
    from pgmqgen.bench.output import check_plot, print_report, write_plot
    from pgmqgen.bench.run import run_bench
    from pgmqgen.stage.project import unwinding_once
    from pgmqgen.stage.screen import Screen

    options = make_options(
        only=only,
        sizes=size,
        messages=messages,
        rounds=rounds,
        processes=processes,
        rate=rate,
        seconds=seconds,
        rest=rest,
        rests=rests,
        delayed=delayed,
        queues=queues,
        backlogs=backlog,
    )
    if plot:
        check_plot(plot, options)
    place = _Place(queue, payload, database_url, local, registry, yes)
    screen = Screen()
    with unwinding_once(), _open(place, options, screen) as course:
        report = run_bench(course, screen)
    if plot:
        write_plot(report, plot)
    print_report(report, "json" if json else "markdown" if markdown else "table")


class _Place(NamedTuple):
    """The options that say what to measure, and where."""

    queue: str | None
    payload: Path | None
    database_url: str | None
    local: bool
    registry: str | None
    yes: bool


@contextmanager
def _open(place: _Place, options: Options, screen: Screen) -> Iterator[Course]:
    from pgmqgen.bench.site import project_queue, synthetic_queues

    with ExitStack() as stack:
        if place.queue is not None:
            url = stack.enter_context(database(place.database_url, place.local))
            found = load_project_registry(place.registry)
            chosen = project_queue(options, found, place.queue, url, place.payload, yes=place.yes)
        elif place.database_url or place.local:
            url = stack.enter_context(database(place.database_url, place.local))
            chosen = synthetic_queues(options, url, screen, yes=place.yes)
        else:
            chosen = synthetic_queues(options, None, screen, yes=place.yes)
        yield stack.enter_context(chosen)
