"""Which database and which registry a command works with, and the options that say so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgmqgen.errors import ConfigError, RegistryError

if TYPE_CHECKING:
    from pgmqgen.runtime.registry import Registry

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database; default PGMQGEN_DATABASE_URL, then DATABASE_URL.",
    ),
]
Local = Annotated[bool, typer.Option("--local", help="Use the embedded PostgreSQL.")]
RegistryName = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="MODULE:OBJECT",
        help="The registry; default is the generated one.",
    ),
]


@contextmanager
def database(url: str | None, local: bool) -> Iterator[str]:
    """Yield the URL of the database that the options `--database-url` and `--local` mean.

    Raises ConfigError if none is configured.
    """
    from pgmqgen.config import load_config

    if url and local:
        raise ConfigError(
            "expected one of --database-url and --local, got both", hint="drop one of them"
        )
    config = load_config()
    url = url or (None if local else config.database.url)
    if url:
        yield url
    elif local or config.database.local:
        with _embedded(config.root) as url:
            yield url
    else:
        raise ConfigError(
            "no database is configured",
            hint="set DATABASE_URL, or give --database-url, or --local for the embedded PostgreSQL",
        )


def load_project_registry(name: str | None) -> Registry:
    """Load the registry that `--registry` names, else the project's generated one.

    The project's import roots go to the front of `sys.path`. Raises RegistryError.
    """
    from pgmqgen.config import load_config
    from pgmqgen.runtime.registry import load_registry

    config = load_config()
    sys.path[:0] = map(str, config.import_roots)
    try:
        return load_registry(name or config.registry)
    except RegistryError as error:
        error.hint = error.hint or "name a registry with --registry module:object"
        raise


@contextmanager
def _embedded(root: Path) -> Iterator[str]:
    from pgmqgen.local import local_server
    from pgmqgen.stage.project import unwinding_once

    with unwinding_once(), local_server(root) as url:
        yield url
