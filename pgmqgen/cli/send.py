"""`pgmqgen send`: send one message by hand."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from pgmqgen.cli.database import DatabaseUrl, Local, RegistryName, database, load_project_registry
from pgmqgen.errors import ConfigError, InvalidMessage


def send(
    queue: Annotated[str, typer.Argument(help="Name of the queue.", show_default=False)],
    payload: Annotated[
        str, typer.Argument(metavar="JSON", help="The payload; `-` reads it from stdin.")
    ],
    delay: Annotated[float, typer.Option(min=0, help="Seconds until it is visible.")] = 0,
    headers: Annotated[
        str | None, typer.Option(metavar="JSON", help="Headers, a JSON object.")
    ] = None,
    database_url: DatabaseUrl = None,
    local: Local = False,
    registry: RegistryName = None,
) -> None:
    """Validate a message, send it, and print its id."""
    from pgmqgen.runtime.client.queues import Queue
    from pgmqgen.runtime.contract.validation import Contract
    from pgmqgen.runtime.json_text import parse_json

    contract = load_project_registry(registry)[queue].contract
    # Untyped, so that what is sent is what was given, not what a model makes of it.
    untyped: Contract[Any] = Contract(
        queue=queue, schema=contract.schema, payload=Any, fingerprint=contract.fingerprint
    )
    value = parse_json(sys.stdin.buffer.read() if payload == "-" else payload)
    untyped.validate(value)
    with database(database_url, local) as url, Queue(url, queue, untyped) as client:
        try:
            message_id = client.send(value, delay, _parse_headers(headers))
        except ValueError as error:
            raise ConfigError(str(error)) from error
    typer.echo(message_id)


def _parse_headers(text: str | None) -> dict[str, Any] | None:
    from pgmqgen.runtime.json_text import parse_json

    if text is None:
        return None
    hint = """write them as JSON, such as --headers '{"source": "shell"}'"""
    try:
        value = parse_json(text)
    except InvalidMessage as error:
        raise ConfigError(f"headers are {error.errors[0].message}", hint=hint) from error
    if not isinstance(value, dict):
        raise ConfigError(f"expected headers to be a JSON object, got `{text}`", hint=hint)
    return value
