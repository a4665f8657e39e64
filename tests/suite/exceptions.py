"""The published list of cases in which pgmqgen departs from the suite, read from docs/fidelity.md."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "fidelity.md"


def exceptions(heading: str) -> set[tuple[str, str, str]]:
    """The cases of the table under a heading: file, group and test."""
    section = DOCUMENT.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {(file.strip("`"), group, test) for file, group, test, _ in cells}
