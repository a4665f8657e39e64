"""Compares rendered files with those on disk, and writes all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pgmqgen.codegen.manifest import NAME, digest, read_manifest, render_manifest
from pgmqgen.codegen.render import RenderedFile
from pgmqgen.errors import GenerateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What writing would do; every path is absolute.

    changed: content of files to write; removed: stale files; unchanged: how many stay
    edited: files that were changed by hand, or that are not pgmqgen's
    """

    changed: dict[Path, bytes]
    removed: tuple[Path, ...]
    unchanged: int
    edited: tuple[Path, ...]

    @property
    def stale(self) -> tuple[Path, ...]:
        """Files that do not match the schemas."""
        return tuple(sorted({*self.changed, *self.removed}))


def compare(files: Iterable[RenderedFile], output: Path) -> Comparison:
    """Compare rendered files, and the manifest that goes with them, with the disk."""
    known = read_manifest(output)
    changed: dict[Path, bytes] = {}
    edited: list[Path] = []
    hashes: dict[str, str] = {}
    unchanged = 0
    for file in files:
        content, current = file.text.encode(), _read(file.path)
        if file.policy == "create":
            if current is None:
                changed[file.path] = content
            continue
        name = file.path.relative_to(output).as_posix()
        hashes[name] = digest(content)
        if current is not None and digest(current) == hashes[name]:
            unchanged += 1
            continue
        changed[file.path] = content
        if current is not None and digest(current) != known.get(name):
            edited.append(file.path)
    removed = {output / name: known[name] for name in known if name not in hashes}
    present = {path: found for path in removed if (found := _read(path)) is not None}
    edited += (path for path, found in present.items() if digest(found) != removed[path])
    _add_manifest(changed, hashes, output)
    return Comparison(
        changed=changed,
        removed=tuple(sorted(present)),
        unchanged=unchanged,
        edited=tuple(sorted(edited)),
    )


def write(comparison: Comparison) -> None:
    """Write and remove files; if one fails, the disk is as before. Raises GenerateError."""
    done: list[tuple[Path, Path | None]] = []
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        try:
            for path in (*comparison.removed, *comparison.changed):
                done.append((path, _back_up(path, Path(name) / str(len(done)))))
                if path in comparison.changed:
                    _replace(path, comparison.changed[path])
                else:
                    path.unlink()
        except OSError as error:
            _roll_back(done)
            message = f"cannot write `{error.filename}`: {error.strerror}"
            raise GenerateError(message, hint="nothing was changed") from error
    for folder in {path.parent for path in comparison.removed}:
        _prune(folder)


def _add_manifest(changed: dict[Path, bytes], hashes: dict[str, str], output: Path) -> None:
    path, content = output / NAME, render_manifest(hashes).encode()
    current = _read(path)
    if current is None or digest(current) != digest(content):
        changed[path] = content


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise GenerateError(f"cannot read `{path}`: {error.strerror}") from error


def _back_up(path: Path, copy: Path) -> Path | None:
    if not path.exists():
        return None
    shutil.copy2(path, copy)
    return copy


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.pgmqgen")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _roll_back(done: list[tuple[Path, Path | None]]) -> None:
    for path, copy in reversed(done):
        if copy is not None:
            shutil.copy2(copy, path)
        else:
            path.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Remove a folder that holds nothing, or nothing but compiled code."""
    if folder.is_dir() and all(path.name == "__pycache__" for path in folder.iterdir()):
        shutil.rmtree(folder)
