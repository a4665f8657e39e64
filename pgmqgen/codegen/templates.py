"""The shipped templates: what there is, and a copy of one for the project to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgmqgen.codegen.render import shipped_templates
from pgmqgen.config import Config
from pgmqgen.errors import ConfigError, GenerateError
from pgmqgen.schema.nearest import find_nearest

DEFAULT_FOLDER = "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One shipped template.

    name: as the configuration's folder must call it; description: its first line
    override: the project's own file of that name, None if there is none
    """

    name: str
    description: str
    override: Path | None


def list_templates(config: Config) -> Iterator[Template]:
    """Yield the shipped templates by name."""
    for name, path in shipped_templates().items():
        own = config.templates / name if config.templates else None
        with path.open(encoding="utf-8") as lines:
            description = next(lines).removeprefix("{#").rstrip().removesuffix("#}").strip()
        override = own if own is not None and own.is_file() else None
        yield Template(name=name, description=description, override=override)


def eject(name: str, config: Config, *, force: bool) -> Path:
    """Copy a shipped template into the project's folder, and return the copy's path.

    Raises ConfigError for an unknown name, GenerateError if the copy is there already.
    """
    shipped = shipped_templates()
    if name not in shipped:
        hint = _nearest(name) or "`pgmqgen templates list` shows the names"
        raise ConfigError(f"there is no template `{name}`", hint=hint)
    copy = (config.templates or config.root / DEFAULT_FOLDER) / name
    if copy.exists() and not force:
        raise GenerateError(f"`{copy}` is there already", hint="overwrite it with --force")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(shipped[name].read_bytes())
    return copy


def find_strangers(config: Config) -> Iterator[tuple[Path, str | None]]:
    """Yield files among the project's templates that override nothing, with a hint.

    What begins with `_` is left alone: other templates may include it.
    """
    if config.templates is None:
        return
    shipped = shipped_templates()
    for path in sorted(config.templates.rglob("*.jinja")):
        name = path.relative_to(config.templates).as_posix()
        if name not in shipped and not path.name.startswith("_"):
            yield path, _nearest(name)


def _nearest(name: str) -> str | None:
    """A hint; endings do not count, for they are much alike."""
    by_stem = {template.partition(".")[0]: template for template in shipped_templates()}
    near = find_nearest(name.partition(".")[0], by_stem)
    return f"did you mean `{near}`?" if near else None
