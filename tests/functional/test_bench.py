"""`pgmqgen bench`: each measure runs, says what it found, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

from pgmqgen.bench.measure import Contestant, Measure, Outcome, run_rounds
from pgmqgen.bench.options import MEASURES, make_options
from pgmqgen.bench.output import check_plot
from pgmqgen.errors import ConfigError

Run = Callable[..., subprocess.CompletedProcess[str]]

TINY = (
    "--rounds=1", "--messages=20", "--processes=1", "--seconds=0.2", "--rest=0", "--rests=1",
    "--delayed=50", "--queues=2", "--backlog=10",
)  # fmt: skip
FIGURES = {
    "send": {"per_second"},
    "send_batch": {"per_second"},
    "drain": {"per_second"},
    "slow": {"per_second", "share_percent"},
    "async": {"per_second"},
    "delayed": {"per_second"},
    "latency": {"p50_ms", "p95_ms", "p99_ms", "max_ms", "after_rest_max_ms"},
    "idle": {"queries_per_second", "cpu_percent"},
    "memory": {"first_message_s", "at_rest_pss_mb", "after_work_pss_mb"},
    "processes": {"per_second"},
    "backlog": {"per_second"},
}
SVG = "{http://www.w3.org/2000/svg}"


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _objects(url: str) -> set[str]:
    """Everything outside of the system's own schemas that has a name."""
    with _connected(url) as connection:
        rows = connection.execute(
            "SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "UNION ALL SELECT nspname || '.' || proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
            "UNION ALL SELECT nspname FROM pg_namespace"
        )
        return {name for (name,) in rows if not name.startswith("pg_toast")}


def test_every_measure_on_a_database_given(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_pgmqgen: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _objects(database_url)
    place = ("--database-url", database_url, "--size=200", "--plot=plot.svg")
    done = run_pgmqgen("bench", *TINY, *place, "--json")
    assert done.returncode == 0, done.stderr
    assert _objects(database_url) == before
    report = json.loads(done.stdout)
    assert [measure["name"] for measure in report["measures"]] == list(MEASURES)
    for measure in report["measures"]:
        _check_measure(measure)
    by_name = {measure["name"]: measure for measure in report["measures"]}
    assert {ratio["at"] for ratio in by_name["processes"]["ratios"]} == {1, 2}
    assert {ratio["at"] for ratio in by_name["backlog"]["ratios"]} == {10}
    latency = {median["contestant"] for median in by_name["latency"]["medians"]}
    assert latency == {"with notify", "polling"}
    assert report["options"]["messages"] == 20
    assert report["machine"]["fsync"] == "off"  # as the server of the tests is set
    _check_plot(tmp_path / "plot.svg")


def _check_measure(measure: dict[str, Any]) -> None:
    assert measure["title"]
    for sample in measure["samples"]:
        assert sample["figures"].keys() == FIGURES[measure["name"]]
        assert sample["round"] == 1
    for median in measure["medians"]:
        assert 0 <= median["low"] <= median["median"] <= median["high"]
    for ratio in measure["ratios"]:
        assert ratio["median"] > 0


def _check_plot(file: Path) -> None:
    drawing = ElementTree.parse(file).getroot()
    texts = [each.text or "" for each in drawing.iter(f"{SVG}text")]
    assert "Messages per second by processes" in texts
    assert "Messages per second by backlog" in texts
    assert {"● worker", "● bare loop"} <= set(texts)
    assert len(list(drawing.iter(f"{SVG}polyline"))) == 4
    assert len(list(drawing.iter(f"{SVG}circle"))) == 6


@pytest.fixture
def orders(project: Path, database_url: str, run_pgmqgen: Run) -> Iterator[str]:
    """The URL of a database with the project's queues; its handlers say when they are called."""
    with (project / "generated" / "orders.py").open("a") as file:
        file.write(
            f"\n\ndef handle(message, context):\n    open({str(project / 'called')!r}, 'w')\n"
        )
    env = {"DATABASE_URL": database_url}
    assert run_pgmqgen("migrate", env=env).returncode == 0
    yield database_url
    assert not (project / "called").exists()


def _count(url: str, queue: str = "orders") -> int:
    with _connected(url) as connection:
        ((count,),) = connection.execute(f"SELECT count(*) FROM pgmq.q_{queue}".encode())
    return int(count)


def _send(url: str, queue: str) -> None:
    with _connected(url) as connection:
        connection.execute("SELECT pgmq.send(%s, '{}')", [queue])


def test_a_queue_of_the_project_that_holds_messages(orders: str, run_pgmqgen: Run) -> None:
    for queue in ("orders", "orders", "orders_dlq", "b"):
        _send(orders, queue)
    command = ("bench", *TINY, "--only=drain", "--only=send", "--queue=orders", "--markdown")
    refused = run_pgmqgen(*command, env={"DATABASE_URL": orders})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "error: queue `orders` holds 2 messages\n"
        "help: --yes deletes them, and then measures on the empty queue\n"
    )
    assert _count(orders) == 2
    agreed = run_pgmqgen(*command, "--yes", env={"DATABASE_URL": orders})
    assert agreed.returncode == 0, agreed.stderr
    assert [_count(orders, queue) for queue in ("orders", "orders_dlq", "b")] == [0, 1, 1]
    rows = [line for line in agreed.stdout.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:]] == [
        "send one by one, `orders`, 34 B: producer / bare pgmq",
        "drain, 1 process, `orders`, 34 B: worker / bare loop",
    ]


def test_what_cannot_be_measured(project: Path) -> None:
    with pytest.raises(ConfigError, match="there is no measure `drian`") as error:
        make_options(only=["drian"])
    assert error.value.hint == "did you mean `drain`?"
    with pytest.raises(ConfigError, match="expected a size of 1000 or 200 bytes, got `17`"):
        make_options(sizes=[17])
    with pytest.raises(ConfigError, match="there is nothing to plot"):
        check_plot(project / "plot.svg", make_options(only=["drain"]))
    check_plot(project / "plot.svg", make_options())
    assert not (project / "plot.svg").exists()
    with pytest.raises(ConfigError, match="cannot write"):
        check_plot(project / "none" / "plot.svg", make_options())


def test_what_is_to_be_sent_is_checked(orders: str, run_pgmqgen: Run, project: Path) -> None:
    (project / "bad.json").write_text('{"id": "x"}')
    command = ("bench", *TINY, "--queue=orders")
    for file, code, said in (
        ("none.json", 2, "cannot read `none.json`: No such file or directory"),
        ("bad.json", 1, "invalid payload of queue `orders`"),
    ):
        done = run_pgmqgen(*command, f"--payload={file}", env={"DATABASE_URL": orders})
        assert (done.returncode, done.stdout) == (code, "")
        assert f"error: {said}" in done.stderr


def test_an_interrupted_run_leaves_no_queue(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _objects(database_url)
    command = [Path(sys.executable).with_name("pgmqgen"), "bench", "--database-url", database_url]
    bench = subprocess.Popen(
        [*command, *TINY, "--only=latency", "--only=send", "--seconds=600"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with bench:
        try:
            assert bench.stderr is not None
            while "send one by one, 200 B" not in bench.stderr.readline():
                assert bench.poll() is None
            _await_worker(database_url, bench)
            bench.send_signal(signal.SIGINT)
            output, errors = bench.communicate(timeout=60)
        finally:
            bench.kill()
    assert (bench.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert _objects(database_url) == before
    with _connected(database_url) as connection:
        others = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        assert len(connection.execute(others).fetchall()) == 1


def _await_worker(url: str, bench: subprocess.Popen[str]) -> None:
    """Return when a worker polls, and so is measured."""
    with _connected(url) as connection:
        look = "SELECT FROM pg_stat_activity WHERE application_name = 'pgmqgen scout' AND datname = current_database()"
        while connection.execute(look).rowcount == 0:
            assert bench.poll() is None
            time.sleep(0.05)


def test_a_queue_left_by_a_killed_run(database_url: str, project: Path, run_pgmqgen: Run) -> None:
    with _connected(database_url) as connection:
        connection.execute("SELECT pgmq.create('pgmqgen_bench_200')")
    _send(database_url, "pgmqgen_bench_200")
    command = ("bench", *TINY, "--only=send", "--size=200", "--database-url", database_url)
    refused = run_pgmqgen(*command)
    assert refused.returncode == 2
    assert "there is a queue `pgmqgen_bench_200` already" in refused.stderr
    assert _count(database_url, "pgmqgen_bench_200") == 1
    agreed = run_pgmqgen(*command, "--yes")
    assert agreed.returncode == 0, agreed.stderr
    assert "send one by one, 200 B" in agreed.stdout
    with _connected(database_url) as connection:
        assert connection.execute("SELECT FROM pgmq.meta").rowcount == 0


def test_a_database_without_pgmq(empty_database_url: str, project: Path, run_pgmqgen: Run) -> None:
    before = _objects(empty_database_url)
    done = run_pgmqgen("bench", *TINY, "--database-url", empty_database_url)
    assert (done.returncode, done.stdout) == (3, "")
    assert "the database has no pgmq" in done.stderr
    assert _objects(empty_database_url) == before


def test_the_help_names_every_measure(run_pgmqgen: Run) -> None:
    words = re.findall(r"[\w]+", run_pgmqgen("bench", "--help").stdout)
    assert set(MEASURES) <= set(words)


def test_rounds_take_turns_and_ratios_are_of_one_round() -> None:
    order: list[str] = []
    rates = {"ours": iter([10.0, 40.0, 30.0]), "theirs": iter([10.0, 20.0, 60.0])}

    def contestant(name: str) -> Contestant:
        def run() -> dict[str, float]:
            order.append(name)
            return {"per_second": next(rates[name])}

        return Contestant(name=name, run=run)

    measure = Measure(
        name="drain",
        title="drain",
        contestants=[contestant("ours"), contestant("theirs")],
        ratio="per_second",
    )
    outcome = Outcome(measure=measure, samples=list(run_rounds(measure, 3)))
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    ratio = outcome.ratio()
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (1.0, 0.5, 2.0)
    assert outcome.figures("ours")["per_second"].median == 30.0


def test_a_single_round_has_no_range(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_pgmqgen: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ("bench", *TINY, "--only=send", "--size=200", f"--database-url={database_url}")
    for rounds, ranges in (1, 0), (2, 3):
        told = run_pgmqgen(*command, f"--rounds={rounds}", "--markdown").stdout
        assert len(re.findall(r"\([\d.,]+–[\d.,]+\)", told)) == ranges, told
        assert ("medians and ranges" in told) == (rounds > 1)
