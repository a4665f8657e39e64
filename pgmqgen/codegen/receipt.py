"""The receipt of a run of `generate`: while it holds, another run would change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pgmqgen.codegen.inputs import hash_inputs
from pgmqgen.codegen.manifest import digest
from pgmqgen.config import Config
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.memory import read_entry, write_entry
from pgmqgen.schema.handlers import find_orphans


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What went into a run, and what came of it.

    tools: hash of pgmqgen and what it uses; inputs: hash of the project's own files
    others: files that references reach outside of the project's folders
    modules: names of the queues' modules; diagnostics: warnings of the run
    outputs: hash of each generated file, None of those that are only created
    """

    tools: str
    inputs: str
    others: tuple[Path, ...]
    modules: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    outputs: dict[str, str | None]

    @property
    def unchanged(self) -> int:
        """How many files another run leaves as they are."""
        return sum(known is not None for known in self.outputs.values())

    def holds(self, config: Config, tools: str) -> bool:
        """Whether nothing has changed since: neither what was read nor what was written."""
        return (
            self.tools == tools
            and self.inputs == hash_inputs(config, self.others)
            and all(_is_as(config.root / name, known) for name, known in self.outputs.items())
            and not any(find_orphans(config.handlers, frozenset(self.modules), root=config.root))
        )


def read_receipt(file: Path) -> Receipt | None:
    """The receipt of the last run that succeeded."""
    try:
        values: dict[str, Any] = read_entry(file)
        diagnostics = tuple(Diagnostic(**each) for each in values.pop("diagnostics"))
        others, modules = map(Path, values.pop("others")), tuple(values.pop("modules"))
        return Receipt(diagnostics=diagnostics, others=tuple(others), modules=modules, **values)
    except (TypeError, KeyError, AttributeError):
        return None


def write_receipt(file: Path, receipt: Receipt) -> None:
    """Keep a receipt for the next run."""
    write_entry(file, {**asdict(receipt), "others": [str(path) for path in receipt.others]})


def outside(paths: Iterable[Path], folders: Iterable[Path]) -> tuple[Path, ...]:
    """The paths that lie in none of the folders."""
    inside = set(folders)
    return tuple(sorted(path for path in paths if not inside.intersection(path.parents)))


def _is_as(path: Path, known: str | None) -> bool:
    try:
        return path.is_file() if known is None else digest(path.read_bytes()) == known
    except OSError:
        return False
