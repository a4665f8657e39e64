"""SchemaSet -> RenderJob*: the pages of the site, and what each of them shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgmqgen.codegen.plan import RenderJob
from pgmqgen.codegen.render import RenderedFile
from pgmqgen.config import Config
from pgmqgen.docs.asyncapi import make_document
from pgmqgen.docs.changes import ChangeSet, list_changes
from pgmqgen.docs.fields import Shape, anchor_of, describe_definitions, describe_shape
from pgmqgen.docs.history import read_history
from pgmqgen.docs.markdown import render_markdown
from pgmqgen.docs.messages import MessageType, find_messages, text_of
from pgmqgen.docs.pointers import follow, is_reference, parse_pointer, safe_key
from pgmqgen.docs.settings import list_settings
from pgmqgen.docs.snippets import Snippets, make_snippets
from pgmqgen.numbers import write_json
from pgmqgen.schema.load import QueueSchema, SchemaSet

ASYNCAPI = "asyncapi.json"
_KEY_SETTINGS = ("visibility_timeout", "timeout", "max_attempts", "on_failure")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDocs:
    """A queue, its key in file names and links, and its message types."""

    key: str
    queue: QueueSchema
    messages: tuple[MessageType, ...]


def describe_queues(schemas: SchemaSet) -> tuple[QueueDocs, ...]:
    """What is documented, sorted by name."""
    return tuple(
        QueueDocs(key=safe_key(queue.module), queue=queue, messages=find_messages(queue))
        for queue in schemas.queues
    )


def render_asyncapi(queues: tuple[QueueDocs, ...], config: Config) -> str:
    """The AsyncAPI document as JSON text."""
    document = make_document(
        {each.key: (each.queue, each.messages) for each in queues}, config.docs
    )
    return _dump(document) + "\n"


def plan_site(
    schemas: SchemaSet, queues: tuple[QueueDocs, ...], config: Config, *, with_changes: bool
) -> Iterator[RenderJob]:
    """Yield a job for each page."""
    commits = read_history(config.schemas, root=config.root) if with_changes else None
    changes = list_changes(commits or ())
    snippets = make_snippets(schemas, config, {each.queue.name: each.messages for each in queues})
    site = {
        "title": config.docs.title,
        "version": config.docs.version,
        "description": render_markdown(config.docs.description or ""),
        "asyncapi": ASYNCAPI,
        "changes": changes,
        "queues": [_summarise(each) for each in queues],
    }
    output = config.docs.output
    context = {"site": site, "up": "", "markdown": render_markdown}
    yield RenderJob(template="docs/index.html.jinja", path=output / "index.html", context=context)
    for each in queues:
        shown = _describe(each, snippets[each.queue.name], changes)
        yield RenderJob(
            template="docs/queue.html.jinja",
            path=output / "queues" / f"{each.key}.html",
            context={**context, "up": "../", "queue": shown},
        )
    if changes:
        yield RenderJob(
            template="docs/changes.html.jinja", path=output / "changes.html", context=context
        )


def asyncapi_file(queues: tuple[QueueDocs, ...], config: Config) -> RenderedFile:
    """The AsyncAPI document as a file of the site."""
    path = config.docs.output / ASYNCAPI
    return RenderedFile(path=path, text=render_asyncapi(queues, config), policy="overwrite")


def _summarise(docs: QueueDocs) -> dict[str, Any]:
    """What the index shows of a queue."""
    settings = list_settings(docs.queue.settings)
    return {
        "name": docs.queue.name,
        "href": f"queues/{docs.key}.html",
        "source": docs.queue.label,
        "description": text_of(docs.queue.schema, "description"),
        "messages": [message.name for message in docs.messages],
        "settings": [setting for setting in settings if setting.key in _KEY_SETTINGS],
    }


def _describe(
    docs: QueueDocs, snippets: Snippets, changes: tuple[ChangeSet, ...]
) -> dict[str, Any]:
    """What the page of a queue shows."""
    queue = docs.queue
    shapes = [_shape(queue, message, number) for number, message in enumerate(docs.messages, 1)]
    shown = {shape.anchor for shape in shapes}
    return {
        **_summarise(docs),
        "settings": list_settings(queue.settings),
        "fingerprint": queue.fingerprint,
        "payload": queue.payload,
        "shapes": [
            {"message": message, "shape": shape, "examples": list(map(_dump, message.examples))}
            for message, shape in zip(docs.messages, shapes, strict=True)
        ],
        "definitions": [
            shape for shape in describe_definitions(queue.schema) if shape.anchor not in shown
        ],
        "snippets": snippets,
        "schema": _dump(queue.schema),
        "changes": _changes_of(queue.label, changes),
    }


def _shape(queue: QueueSchema, message: MessageType, index: int) -> Shape:
    branch = follow(queue.schema, message.pointer)
    target = parse_pointer(branch["$ref"]) if message.pointer and is_reference(branch) else ()
    if len(target) == 2:  # a definition, which is linked to as such
        anchor = anchor_of(target)
    else:
        anchor = f"message-{index}" if message.pointer else "payload"
    return describe_shape(queue.schema, message.schema, anchor=anchor, name=message.name)


def _changes_of(label: str, changes: tuple[ChangeSet, ...]) -> list[dict[str, Any]]:
    return [
        {"id": change.id, "date": change.date, "subject": change.subject, "files": files}
        for change in changes
        if (files := [file for file in change.files if file.label == label])
    ]


def _dump(value: Any) -> str:
    return write_json(value, indent=2, ensure_ascii=False)
