"""`pgmqgen templates`: the templates of the generated files."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List the templates of generated files; copy one.")


@app.command("list")
def list_all() -> None:
    """List the templates, and which of them this project overrides."""
    from pgmqgen.codegen.templates import list_templates
    from pgmqgen.config import load_config

    config = load_config()
    for template in list_templates(config):
        own = ""
        if template.override:
            own = f" [overridden by {template.override.relative_to(config.root).as_posix()}]"
        typer.echo(f"{template.name:<28}{template.description}{own}")


@app.command()
def eject(
    name: Annotated[str, typer.Argument(help="Name of a template, such as handler.py.jinja.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the project's copy.")] = False,
) -> None:
    """Copy a template into the project, to be changed there."""
    from pgmqgen.codegen import templates
    from pgmqgen.config import load_config

    config = load_config()
    copy = templates.eject(name, config, force=force)
    typer.echo(copy.relative_to(config.root).as_posix())
    if config.templates is None:
        folder = templates.DEFAULT_FOLDER
        message = f'to use it, write `templates = "{folder}"` into the configuration'
        typer.echo(f"help: {message}", err=True)
