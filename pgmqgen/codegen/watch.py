"""Tells when a file changes that the output depends on: the one importer of watchfiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgmqgen.codegen.inputs import input_folders
from pgmqgen.config import Config
from pgmqgen.errors import ConfigError

_SUFFIXES = (".json", ".yaml", ".yml", ".jinja")
_CONFIGURATION = ("pgmqgen.toml", "pyproject.toml")
_DEBOUNCE_MS = 100
_POLL_MS = 200

Stamps = dict[Path, int | None]


def watch(config: Config) -> Iterator[None]:
    """Yield once at the start and then after each burst of changes.

    Ends when the configuration changes or a watched folder comes or goes: start over then.
    """
    try:
        import watchfiles
    except ImportError as error:
        raise ConfigError("watchfiles is not installed", hint="install pgmqgen[codegen]") from error
    folders = [folder for folder in input_folders(config) if folder.is_dir()]
    before = _stamp(config)
    started = False
    for changes in watchfiles.watch(
        *folders,
        watch_filter=lambda _, path: path.endswith(_SUFFIXES) and not _is_output(config, path),
        debounce=_DEBOUNCE_MS,
        rust_timeout=_POLL_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    ):
        if _stamp(config) != before:
            return
        if changes or not started:
            started = True
            yield


def _is_output(config: Config, path: str) -> bool:
    return config.output in Path(path).parents


def _stamp(config: Config) -> Stamps:
    """What is polled, for it lies beside much that does not matter."""
    files = [config.root / name for name in _CONFIGURATION]
    times: Stamps = {path: path.stat().st_mtime_ns if path.is_file() else None for path in files}
    return times | {folder: int(folder.is_dir()) for folder in input_folders(config)}
