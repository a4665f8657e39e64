"""Run the contestants in turn, several times, and report. See the package's own words."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pgmqgen import local
from pgmqgen.stage.project import unwinding_once
from tests.peers import report
from tests.peers.contestants import OURS, PEERS
from tests.peers.measure import Result, measure_drain, measure_waits
from tests.peers.stage import Stage, StageError, version_of

_RATE = 20


@unwinding_once()
def main() -> None:
    """Run what the options name, print the table, and write what they ask for."""
    options = _parse()
    wanted = [name.casefold() for name in options.only]
    results = [
        Result(each)
        for each in (OURS, *PEERS)
        if each is OURS or not wanted or each.name.casefold() in wanted
    ]
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with local.serve(folder / "server") as url:
            conditions = report.describe_run(url, options.rounds, options.size)
            _run(results, url, folder, options)
    facts = report.collect(results, conditions)
    table = report.make_table(facts)
    print(f"\n{table}")
    if options.json:
        options.json.write_text(json.dumps(facts, indent=2) + "\n")
    if options.write:
        report.write(facts)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, choices=(200, 1000), default=1000, help="of a job")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the jobs of a drain")
    parser.add_argument(
        "--seconds", type=int, default=10, help="of jobs at 20/s, each round; 0: none"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="pgmqgen always runs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument(
        "--write", action="store_true", help="into docs/performance.md, and a chart beside it"
    )
    return parser.parse_args()


def _run(results: Sequence[Result], url: str, folder: Path, options: argparse.Namespace) -> None:
    """Let each contestant have its turn in every round, until it fails; print what came of it."""
    for number in range(options.rounds):
        for result in results:
            if result.failure:
                continue
            name = result.contestant.name
            stage = Stage(result.contestant, url, folder / result.contestant.program, options.size)
            try:
                outcome = _measure(result, stage, options)
            except StageError as error:
                result.failure = outcome = str(error)
            print(f"round {number + 1}: {name}: {outcome}", flush=True)


def _measure(result: Result, stage: Stage, options: argparse.Namespace) -> str:
    result.version = result.version or version_of(result.contestant)
    rate = measure_drain(stage, options.scale)
    result.rates.append(rate)
    if not options.seconds:
        return f"{rate:,.0f}/s"
    waits = measure_waits(stage, options.seconds * _RATE, _RATE)
    result.waits_ms += waits
    return f"{rate:,.0f}/s, waits {statistics.median(waits):,.1f} ms"


if __name__ == "__main__":
    main()
