"""Writes the expected output of every golden project: `python -m tests.golden.update`."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pgmqgen.config import load_config
from pgmqgen.diagnostics import print_diagnostics
from pgmqgen.schema.lint import RULES
from pgmqgen.schema.lint.rule import Rule, files
from pgmqgen.schema.load import lint_project

FOLDER = Path(__file__).parent
PROJECTS = tuple(sorted(path.parent.name for path in FOLDER.glob("*/pgmqgen.toml")))


def generate(project: str, folder: Path, *, hash_seed: str = "0") -> None:
    """Copy a golden project into `folder` and generate there, in a process of its own."""
    for name in ("pgmqgen.toml", "schemas"):
        source = FOLDER / project / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    subprocess.run(
        [Path(sys.executable).with_name("pgmqgen"), "generate"],
        cwd=folder,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
    )


def read_tree(folder: Path) -> dict[str, bytes]:
    """What was generated: content by path, without what the project was made of."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder): path for path in paths}
    return {
        path.as_posix(): file.read_bytes()
        for path, file in relative.items()
        if path.parts[0] not in (".pgmqgen", "pgmqgen.toml", "schemas")
        and "__pycache__" not in path.parts
    }


def lint(rule: Rule, example: str | Mapping[str, str], folder: Path) -> str:
    """What `pgmqgen lint` prints of an example of a rule."""
    (folder / "schemas").mkdir()
    for name, text in files(example).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = load_config(folder)
    if not rule.default:
        config = replace(config, lint=replace(config.lint, select=(rule.code,)))
    printed = io.StringIO()
    print_diagnostics(lint_project(config)[0], stream=printed, root=folder)
    return printed.getvalue()


def main() -> None:
    """Replace the expected output of all projects and of all rules."""
    for rule in RULES.values():
        with tempfile.TemporaryDirectory() as name:
            text = lint(rule, rule.bad, Path(name))
        (FOLDER / "lint" / f"{rule.code}.txt").write_text(text, encoding="utf-8")
    for project in PROJECTS:
        expected = FOLDER / project / "expected"
        shutil.rmtree(expected, ignore_errors=True)
        with tempfile.TemporaryDirectory() as name:
            generate(project, Path(name))
            for path, content in read_tree(Path(name)).items():
                target = expected / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


if __name__ == "__main__":
    main()
