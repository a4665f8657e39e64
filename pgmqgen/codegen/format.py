"""Formats rendered Python files with ruff, with settings of its own.

The user's ruff configuration has no say, so that the output is the same everywhere.
"""

from __future__ import annotations

import ast
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pgmqgen.codegen.render import RenderedFile
from pgmqgen.errors import ConfigError, GenerateError
from pgmqgen.memory import Memory

_SETTINGS = (
    "--isolated",
    "--no-cache",
    "--quiet",
    "--target-version=py311",
    "--config=line-length=100",
)
_RULES = ("--fix", "--exit-zero", "--select=I,F401,RUF022")


def format_files(
    files: list[RenderedFile], root: Path, memory: Memory | None = None
) -> list[RenderedFile]:
    """Sort imports and `__all__`, drop unused ones and format; all files at once that `memory` has not."""
    memory = memory or Memory()
    packages = sorted({_package(file, root) for file in files})
    keys = {file.path: _key(file, root, packages, memory) for file in files}
    unknown = [file for file in files if memory.find(keys[file.path]) is None]
    for path, text in _format_texts(unknown, packages, root):
        memory.keep(keys[path], text)
    return [replace(file, text=memory.find(keys[file.path]) or "") for file in files]


def _package(file: RenderedFile, root: Path) -> str:
    """The folder by which ruff tells that a module is the project's own, not a library's."""
    parts = file.path.parent.relative_to(root).parts
    return "/".join(parts[: 2 if parts[:1] == ("src",) else 1])


def _key(file: RenderedFile, root: Path, packages: Sequence[str], memory: Memory) -> str:
    name = file.path.relative_to(root).as_posix()
    return memory.key(*_SETTINGS, *_RULES, *packages, name, file.text)


def _format_texts(
    files: list[RenderedFile], packages: Sequence[str], root: Path
) -> Iterator[tuple[Path, str]]:
    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        copies = {file.path: Path(name) / file.path.relative_to(root) for file in files}
        for folder in (*(Path(name) / each for each in packages), *_parents(copies.values())):
            folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            _check_syntax(file, root)
            copies[file.path].write_text(file.text, encoding="utf-8", newline="\n")
        _run_ruff(Path(name), "check", *_RULES)
        _run_ruff(Path(name), "format")
        for path, copy in copies.items():
            yield path, copy.read_text(encoding="utf-8")


def _parents(paths: Iterable[Path]) -> set[Path]:
    return {path.parent for path in paths}


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
