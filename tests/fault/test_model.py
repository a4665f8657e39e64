"""The statements of workers and handlers keep what docs/guarantees.md promises.

No fence can be left out unnoticed: each is planted out, and the same machine has to fail.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.parent import floor
from tests.fault.bench import Bench
from tests.fault.machine import Machine

_STEPS = 30

_OF_WORKERS = (
    "EXCHANGE", "EXCHANGE_ARCHIVING", "DELETE_FENCED", "ARCHIVE_FENCED", "RESCHEDULE",
    "DEAD_LETTER", "ARCHIVE_FAILED", "EXTEND", "HELD",
)  # fmt: skip
_OF_HANDLERS = ("DELETE", "ARCHIVE")
_FENCES = {
    sql.FENCE: "",
    " AND read_ct = coalesce(%s, read_ct)": " AND %s > 0",
}


@pytest.fixture
def bench(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(floor, "SHARE", 0)  # every look finds all, so that the model is exact
    bench = Bench(database_url)
    yield bench
    bench.close()


@pytest.mark.timeout(900)  # to shrink a failure takes minutes
@pytest.mark.parametrize("examples", [60, pytest.param(500, marks=pytest.mark.soak)])
def test_workers_keep_what_is_promised(bench: Bench, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Machine(bench), settings=settings(max_examples=examples, stateful_step_count=_STEPS)
    )


@pytest.mark.parametrize(
    "statements",
    [
        _OF_WORKERS,
        _OF_HANDLERS,
        *(pytest.param([name], marks=pytest.mark.soak) for name in _OF_WORKERS + _OF_HANDLERS),
    ],
    ids=" ".join,
)
def test_a_fence_that_is_left_out_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, statements: list[str]
) -> None:
    for name in statements:
        text = getattr(sql, name)
        planted = text
        for fence, nothing in _FENCES.items():
            planted = planted.replace(fence, nothing)
        assert planted != text
        monkeypatch.setattr(sql, name, planted)
    the_same_each_time = settings(
        max_examples=500,
        stateful_step_count=_STEPS,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises((AssertionError, DatabaseError)):
        run_state_machine_as_test(lambda: Machine(bench), settings=the_same_each_time)
