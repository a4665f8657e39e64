"""The public JSON-Schema-Test-Suite, as projects: one for each draft, one queue for each schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmqgen.schema.keywords import DRAFTS
from tests.corpus.packages import unpacked

FOLDERS = dict(
    zip(("draft2020-12", "draft2019-09", "draft7", "draft6", "draft4"), DRAFTS, strict=True)
)
"""The suite's folder of each draft, and the draft's metaschema."""
REQUIRED, OPTIONAL, FORMATS = "", "optional", "optional/format"
"""Parts of a draft's folder."""
_CONFIG = """
output = "{output}"

[lint]
ignore = ["*"]

[vendored]
"http://localhost:1234/" = "remotes"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instance, with the queue that its schema makes; valid: the suite's verdict."""

    queue: str
    file: str
    group: str
    test: str
    instance: Any
    valid: bool

    @property
    def name(self) -> tuple[str, str, str]:
        """How the list of exceptions names the case."""
        return self.file, self.group, self.test


def make_project(folder: Path, draft: str, part: str, *, output: str) -> list[Case]:
    """Write the schemas of a part of a draft into a folder, and return their cases.

    output: name of the package to generate
    """
    suite = unpacked("jsonschema") / "json"
    (folder / "schemas").mkdir(parents=True)
    (folder / "remotes").symlink_to(suite / "remotes")
    (folder / "pgmqgen.toml").write_text(_CONFIG.format(output=output))
    cases: list[Case] = []
    for number, (file, group) in enumerate(_groups(suite / "tests" / draft / part)):
        queue, schema = f"q{number:04}", group["schema"]
        if isinstance(schema, dict):
            schema = {"$schema": FOLDERS[draft], **schema}
            if (part, file) == (REQUIRED, "format"):  # they expect annotations
                schema["x-pgmq"] = {"formats": "annotate"}
        (folder / "schemas" / f"{queue}.json").write_text(json.dumps(schema))
        cases += (
            Case(
                queue=queue,
                file=file,
                group=group["description"],
                test=test["description"],
                instance=test["data"],
                valid=test["valid"],
            )
            for test in group["tests"]
        )
    return cases


def _groups(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        for group in json.loads(path.read_text()):
            yield path.stem, group
