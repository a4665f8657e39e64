"""Formats rendered Python files with ruff, with settings of its own.

The user's ruff configuration has no say, so that the output is the same everywhere.
"""

from __future__ import annotations

import ast
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from pgmqgen.codegen.render import RenderedFile
from pgmqgen.errors import ConfigError, GenerateError

_SETTINGS = (
    "--isolated",
    "--no-cache",
    "--quiet",
    "--target-version=py311",
    "--config=line-length=100",
)


def format_files(files: list[RenderedFile], root: Path) -> list[RenderedFile]:
    """Sort imports, drop unused ones and format; all files at once."""
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        folder = Path(name)
        copies = [folder / file.path.relative_to(root) for file in files]
        for file, copy in zip(files, copies, strict=True):
            copy.parent.mkdir(parents=True, exist_ok=True)
            _check_syntax(file, root)
            copy.write_text(file.text, encoding="utf-8", newline="\n")
        _run_ruff(folder, "check", "--fix", "--exit-zero", "--select=I,F401")
        _run_ruff(folder, "format")
        texts = [copy.read_text(encoding="utf-8") for copy in copies]
    return [replace(file, text=text) for file, text in zip(files, texts, strict=True)]


def _check_syntax(file: RenderedFile, root: Path) -> None:
    if file.path.suffix != ".py":
        return
    try:
        ast.parse(file.text)
    except SyntaxError as error:
        name = file.path.relative_to(root).as_posix()
        raise GenerateError(
            f"`{name}` is not Python, in line {error.lineno}: {error.msg}",
            hint=f"look at the template `{file.template}`; if it is not yours, report the schema",
        ) from error


def _run_ruff(folder: Path, command: str, *options: str) -> None:
    arguments = [_find_ruff(), command, *options, *_SETTINGS, "."]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerateError(
            f"the generated code cannot be formatted: {(done.stderr or done.stdout).strip()}",
            hint="if the project overrides templates, look there; else report the schema",
        )


def _find_ruff() -> str:
    try:
        import ruff  # type: ignore[import-untyped]

        return str(ruff.find_ruff_bin())
    except (ImportError, FileNotFoundError) as error:
        raise ConfigError("ruff is not installed", hint="install pgmqgen[codegen]") from error
