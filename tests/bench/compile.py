"""How long `pgmqgen generate` takes for many schemas, and as a ratio to the bare code generator.

Bare: one process that calls datamodel-code-generator once a schema file, for pydantic models and
nothing else: no check of the schemas, no validators, producers and handlers, no formatting. Every
figure is a whole process, start-up included; all in turn, several times; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tests.bench.catalogue import write_catalogue

_BARE = """
import sys
from pathlib import Path

import datamodel_code_generator as dcg

for path in sorted(Path("schemas").glob("*.json")):
    dcg.generate(
        path,
        input_file_type=dcg.InputFileType.JsonSchema,
        output_model_type=dcg.DataModelType.PydanticV2BaseModel,
        output=Path(sys.argv[1]) / f"{path.stem}.py",
        formatters=[],
    )
"""
_IMPORT = "from generated.registry import registry; assert len(list(registry)) == {count}"
_PGMQGEN = Path(sys.executable).with_name("pgmqgen")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_catalogue(folder, options.schemas)
        steps = _make_steps(folder, options.schemas)
        times: dict[str, list[float]] = {step: [] for step in steps}
        for _ in range(options.rounds):
            for step, (prepare, command) in steps.items():
                prepare()
                times[step].append(_time(command, folder))
    _print(times, options.schemas, options.rounds)


def _make_steps(folder: Path, count: int) -> dict[str, tuple[Callable[[], None], list[str]]]:
    """What is measured: how to prepare it, and its command."""

    def forget() -> None:
        for each in ("generated", ".pgmqgen", "bare"):
            shutil.rmtree(folder / each, ignore_errors=True)
        (folder / "bare").mkdir()

    def edit() -> None:
        path = min((folder / "schemas").glob("*.json"))
        schema = json.loads(path.read_text())
        schema["properties"][f"added_{time.monotonic_ns()}"] = {"type": "string"}
        path.write_text(json.dumps(schema, indent=2))

    def nothing() -> None:
        pass

    generate = [str(_PGMQGEN), "generate"]
    return {
        "bare generator": (forget, [sys.executable, "-c", _BARE, "bare"]),
        "from cold": (nothing, generate),
        "unchanged": (nothing, generate),
        "one schema changed": (edit, generate),
        "import of the registry": (nothing, [sys.executable, "-c", _IMPORT.format(count=count)]),
    }


def _time(command: list[str], folder: Path) -> float:
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _print(times: dict[str, list[float]], count: int, rounds: int) -> None:
    tools = ", ".join(f"{name} {version(name)}" for name in ("datamodel-code-generator", "ruff"))
    print(f"{count} schemas, {rounds} rounds, Python {sys.version.split()[0]}, {tools}")
    bare = statistics.median(times["bare generator"])
    for step, seconds in times.items():
        middle = statistics.median(seconds)
        span = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{step:<24}{middle:6.2f} s ({span}){middle / bare:8.2f} of the bare generator")


if __name__ == "__main__":
    main()
