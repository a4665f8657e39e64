"""A project's configuration: pgmqgen.toml or [tool.pgmqgen], and the environment.

It is read and validated once; everything else takes the frozen Config.
"""

from __future__ import annotations

import keyword
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pgmqgen.errors import ConfigError
from pgmqgen.queue import check_settings, suggest

CONFIG_FILE = "pgmqgen.toml"
URL_VARIABLES = ("PGMQGEN_DATABASE_URL", "DATABASE_URL")
"""Environment variables that name the database, the first one set wins."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The table [worker]; None leaves a setting to the worker's or the queue's own default.

    processes: number of child processes; hooks: `module:object` of a Hooks
    connect: `module:callable` that opens a connection
    visibility_timeout, timeout, batch_size: override the settings of every queue
    max_messages, max_memory_mb, max_age, grace, fail_after: as of `pgmqgen.Worker`
    """

    processes: int | None = None
    hooks: str | None = None
    connect: str | None = None
    visibility_timeout: float | None = None
    timeout: float | None = None
    batch_size: int | None = None
    max_messages: int | None = None
    max_memory_mb: float | None = None
    max_age: float | None = None
    grace: float | None = None
    fail_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseConfig:
    """Which database to use.

    url: from the environment; local: whether the embedded one stands in when there is no url
    pooler: whether a pooler in transaction mode stands before it; None finds out
    """

    url: str | None = None
    local: bool = False
    pooler: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintConfig:
    """Which findings count.

    ignore: codes of rules that are switched off; `*` is all that may be
    select: codes of rules to switch on that are off by default; `*` is all
    per_file_ignores: pattern of paths, relative to the root -> codes that are off there
    """

    ignore: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsConfig:
    """The table [docs]: what `pgmqgen docs` calls the project, and where it writes.

    title, version, description: default to those of [project] in pyproject.toml
    """

    output: Path
    title: str
    version: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A project, validated. Every path is absolute.

    root: the folder of the configuration file, else the current folder
    schemas, output, handlers: the three folders of a project
    docs: what `pgmqgen docs` writes, and where
    templates: folder whose templates go before the shipped ones, or None
    defaults: `x-pgmq` settings of queues that do not set them
    vendored: URL prefix of remote schemas -> folder that holds copies
    """

    root: Path
    schemas: Path
    output: Path
    handlers: Path
    docs: DocsConfig
    templates: Path | None = None
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    worker: WorkerConfig = field(default_factory=WorkerConfig)
    database: DatabaseConfig = field(default_factory=DatabaseConfig)
    lint: LintConfig = field(default_factory=LintConfig)
    vendored: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def import_roots(self) -> tuple[Path, ...]:
        """Folders that the command line puts on `sys.path`, the project's root first."""
        packages = [self.output]
        if self.output not in self.handlers.parents:
            packages.append(self.handlers)
        sources = filter(None, map(self._source_folder, packages))
        return tuple(dict.fromkeys([self.root, *sources]))

    @property
    def registry(self) -> str:
        """Import string of the generated registry."""
        return f"{self.module_of(self.output)}.registry:registry"

    def module_of(self, folder: Path) -> str:
        """Dotted name under which a folder of the project is imported."""
        inside = [folder.relative_to(root) for root in self.import_roots if root in folder.parents]
        return ".".join(min(inside, key=lambda path: len(path.parts)).parts)

    def _source_folder(self, package: Path) -> Path | None:
        first, *rest = package.relative_to(self.root).parts
        folder = self.root / first
        return folder if rest and not (folder / "__init__.py").exists() else None


def load_config(start: Path | None = None) -> Config:
    """Read the configuration of the project that `start` (default: the current folder) is in.

    Raises ConfigError, which names the file and the key.
    """
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (found := _find_table(candidate)) is not None:
            return _make_config(candidate, found)
    return _make_config(folder, _Table("defaults", "", {}))


def _find_table(folder: Path) -> _Table | None:
    own, shared = folder / CONFIG_FILE, folder / "pyproject.toml"
    if own.is_file():
        return _Table(str(own), "", _read_toml(own))
    if shared.is_file():
        tools = _read_toml(shared).get("tool", {})
        if "pgmqgen" in tools:
            return _Table(str(shared), "tool.pgmqgen", tools["pgmqgen"])
    return None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}", hint="correct the TOML syntax") from error


def _make_config(root: Path, table: _Table) -> Config:
    output = root / table.text("output", "generated")
    handlers = table.text("handlers", None)
    templates = table.text("templates", None)
    config = Config(
        root=root,
        schemas=_normal(root / table.text("schemas", "schemas")),
        output=output,
        handlers=root / handlers if handlers else output / "handlers",
        docs=_make_docs(root, table.table("docs")),
        templates=root / templates if templates else None,
        defaults=_make_defaults(table.table("defaults")),
        worker=_make_worker(table.table("worker")),
        database=_make_database(table.table("database")),
        lint=_make_lint(table.table("lint")),
        vendored=_make_vendored(root, table.table("vendored")),
    )
    table.close()
    _check_package(config, table, "output", config.output)
    _check_package(config, table, "handlers", config.handlers)
    return config


def _make_defaults(table: _Table) -> Mapping[str, Any]:
    for name in ("queue", "dead_letter_queue"):
        if name in table.values:
            raise table.error(f"`{name}` cannot be a default", hint="set it in the queue's schema")
    for problem in check_settings(table.values):
        raise table.error(problem.message, hint=problem.hint)
    return MappingProxyType(dict(table.values))


def _make_worker(table: _Table) -> WorkerConfig:
    config = WorkerConfig(
        processes=table.whole("processes"),
        hooks=table.text("hooks", None),
        connect=table.text("connect", None),
        visibility_timeout=table.seconds("visibility_timeout"),
        timeout=table.seconds("timeout"),
        batch_size=table.whole("batch_size"),
        max_messages=table.whole("max_messages"),
        max_memory_mb=table.amount("max_memory_mb", "megabytes"),
        max_age=table.seconds("max_age"),
        grace=table.seconds("grace"),
        fail_after=table.seconds("fail_after"),
    )
    table.close()
    return config


def _make_database(table: _Table) -> DatabaseConfig:
    local, pooler = table.flag("local", False), table.flag("pooler", None)
    table.close()
    urls = (os.environ.get(name) for name in URL_VARIABLES)
    return DatabaseConfig(url=next(filter(None, urls), None), local=local, pooler=pooler)


def _make_lint(table: _Table) -> LintConfig:
    ignore, select = table.texts("ignore"), table.texts("select")
    files = table.table("per-file-ignores")
    per_file = {pattern: files.texts(pattern) for pattern in files.values}
    table.close()
    return LintConfig(ignore=ignore, select=select, per_file_ignores=MappingProxyType(per_file))


def _make_docs(root: Path, table: _Table) -> DocsConfig:
    pyproject = root / "pyproject.toml"
    project = _read_toml(pyproject).get("project", {}) if pyproject.is_file() else {}
    config = DocsConfig(
        output=_normal(root / table.text("output", "site")),
        title=table.text("title", project.get("name", "Queues")),
        version=table.text("version", project.get("version", "0.0.0")),
        description=table.text("description", project.get("description")),
    )
    table.close()
    return config


def _make_vendored(root: Path, table: _Table) -> Mapping[str, Path]:
    folders = {prefix: _normal(root / table.text(prefix, "")) for prefix in table.values}
    for prefix in folders:
        if "://" not in prefix:
            raise table.error(f"expected a URL prefix, got `{prefix}`")
    return MappingProxyType(folders)


def _check_package(config: Config, table: _Table, key: str, folder: Path) -> None:
    if _normal(folder) != folder or config.root not in folder.parents:
        relative = os.path.relpath(folder, config.root)
        hint = f"set `{key}` to a folder below the project's root"
        raise table.error(f"`{key}` is `{relative}`, outside of the project", hint=hint)
    for part in config.module_of(folder).split("."):
        if not part.isidentifier() or keyword.iskeyword(part):
            hint = "use letters, digits and underscores, for it becomes a Python package"
            raise table.error(f"`{part}` in `{key}` is not a Python name", hint=hint)


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


class _Table:
    """One TOML table: typed access, and an error for every key that nobody asked for."""

    def __init__(self, file: str, name: str, values: Any) -> None:
        self._file, self._name = file, name
        self._asked: set[str] = set()
        self.values: Mapping[str, Any] = values
        if not isinstance(values, Mapping):
            raise self.error(f"expected a table, got `{values}`")

    def error(self, message: str, *, hint: str | None = None) -> ConfigError:
        place = f"{self._file}: [{self._name}] " if self._name else f"{self._file}: "
        return ConfigError(place + message, hint=hint)

    def close(self) -> None:
        """Refuse the keys that were not asked for."""
        for key in self.values:
            if key not in self._asked:
                hint = suggest(key, self._asked) or f"known keys: {', '.join(sorted(self._asked))}"
                raise self.error(f"unknown key `{key}`", hint=hint)

    def text(self, key: str, default: T) -> str | T:
        value: str | T = self._typed(key, str, "a string", default)
        if value == "":
            raise self.error(f"`{key}` is empty")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._typed(key, list, "a list of strings", [])
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"`{key}`: expected a list of strings, got `{values}`")
        return tuple(values)

    def flag(self, key: str, default: T) -> bool | T:
        value: bool | T = self._typed(key, bool, "true or false", default)
        return value

    def whole(self, key: str) -> int | None:
        value: int | None = self._typed(key, int, "a whole number", None)
        if value is not None and value < 1:
            raise self.error(f"`{key}`: expected a whole number of at least 1, got `{value}`")
        return value

    def seconds(self, key: str) -> float | None:
        return self.amount(key, "seconds")

    def amount(self, key: str, unit: str) -> float | None:
        value: float | None = self._typed(key, int | float, f"a number of {unit}", None)
        if value is not None and not 0 < value < float("inf"):
            raise self.error(f"`{key}`: expected a number of {unit} above 0, got `{value}`")
        return value

    def table(self, key: str) -> _Table:
        name = f"{self._name}.{key}" if self._name else key
        self._asked.add(key)
        return _Table(self._file, name, self.values.get(key, {}))

    def _typed(self, key: str, kind: Any, expected: str, default: Any) -> Any:
        self._asked.add(key)
        value = self.values.get(key, default)
        if key not in self.values:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"`{key}`: expected {expected}, got `{value}`")
        return value
