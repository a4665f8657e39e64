"""RenderJob -> RenderedFile: the one importer of jinja2."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgmqgen.codegen.plan import Policy, RenderJob
from pgmqgen.errors import ConfigError, GenerateError

if TYPE_CHECKING:
    import jinja2

_SHIPPED = (
    Path(__file__).parents[1] / "templates",
    Path(__file__).parents[2] / "templates",  # where an editable install finds them
)


def shipped_templates() -> dict[str, Path]:
    """The templates that come with pgmqgen, by name."""
    folder = next(folder for folder in _SHIPPED if folder.is_dir())
    paths = sorted(folder.rglob("*.jinja"))
    return {path.relative_to(folder).as_posix(): path for path in paths}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """One finished file, in memory; `path` is absolute, `template` what it was made from."""

    path: Path
    text: str
    policy: Policy
    template: str = ""


def render(jobs: Iterable[RenderJob], templates: Path | None = None) -> list[RenderedFile]:
    """Render jobs; a template in the folder `templates` goes before the shipped one.

    Raises GenerateError if a template fails.
    """
    environment = _make_environment(templates)
    return [_render_job(job, environment) for job in jobs]


def _render_job(job: RenderJob, environment: jinja2.Environment) -> RenderedFile:
    import jinja2

    try:
        text = environment.get_template(job.template).render(job.context)
    except jinja2.TemplateError as error:
        line = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        message = f"the template `{job.template}`{line} fails: {error}"
        raise GenerateError(message) from error
    return RenderedFile(path=job.path, template=job.template, text=text, policy=job.policy)


def _make_environment(templates: Path | None) -> jinja2.Environment:
    try:
        import jinja2
    except ImportError as error:
        raise ConfigError("jinja2 is not installed", hint="install pgmqgen[codegen]") from error
    if templates is not None and not templates.is_dir():
        raise ConfigError(f"there is no templates folder `{templates}`")
    folders = [templates] if templates is not None else []
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, *_SHIPPED]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=_is_html,
    )
    environment.filters["python"] = repr
    environment.filters["line"] = _one_line
    environment.filters["integrity"] = _integrity
    return environment


def _is_html(template: str | None) -> bool:
    return template is not None and template.endswith(".html.jinja")


def _integrity(text: str) -> str:
    """The source expression by which a Content-Security-Policy allows an inline style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _one_line(text: Any) -> str:
    """Text that cannot end the comment that it stands in."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
