"""What a run of `generate` reads, as one hash: it changes when the output could."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pgmqgen.config import Config, DatabaseConfig, WorkerConfig


def hash_inputs(config: Config, others: Iterable[Path] = ()) -> str:
    """Hash the configuration, the files of its folders, and `others` that references reach."""
    digest = hashlib.sha256(_compiled(config).encode())
    for path in sorted({*_find_files(config), *others}):
        try:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            content = error.strerror or ""
        digest.update(f"{os.fsencode(path)!r} {content}\n".encode())
    return digest.hexdigest()


def input_folders(config: Config) -> tuple[Path, ...]:
    """The folders of a project whose files are read, each with all below it."""
    templates = (config.templates,) if config.templates else ()
    return (config.schemas, *templates, *config.vendored.values())


def subfolders(folder: Path) -> Iterator[Path]:
    """A folder and all below it but the hidden ones, whichever there are."""
    for name, below, _ in os.walk(folder):
        below[:] = sorted(each for each in below if not each.startswith("."))
        yield Path(name)


def _find_files(config: Config) -> Iterator[Path]:
    for folder in input_folders(config):
        for each in subfolders(folder):
            yield from (path for path in each.iterdir() if path.is_file())


def _compiled(config: Config) -> str:
    """The configuration but for what only a running worker reads."""
    return repr(replace(config, worker=WorkerConfig(), database=DatabaseConfig()))
