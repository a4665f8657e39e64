"""SchemaSet -> RenderJob*: which files there are to be, and what goes into each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pgmqgen.codegen.drafts import Draft, draft_models
from pgmqgen.codegen.models import Models
from pgmqgen.codegen.pool import Pool
from pgmqgen.codegen.recall import Track, recall_models
from pgmqgen.codegen.shared import Shared, SharedModule, draft_shared, finish_shared
from pgmqgen.config import Config
from pgmqgen.memory import Memory
from pgmqgen.numbers import holds_decimals
from pgmqgen.queue import Backoff, QueueSettings
from pgmqgen.schema.load import QueueSchema, SchemaSet

Policy = Literal["overwrite", "create"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One file to render.

    template: name of its template; path: the file, absolute
    policy: `overwrite`: pgmqgen owns the file; `create`: the user does, once it is there
    """

    template: str
    path: Path
    policy: Policy = "overwrite"
    context: Mapping[str, Any]


def plan(
    schemas: SchemaSet,
    config: Config,
    memory: Memory | None = None,
    pool: Pool | None = None,
    track: Track = iter,
) -> Iterator[RenderJob]:
    """Yield a job for each file of the generated package.

    memory: spares making models again; pool: makes them; track: is asked for each of those, in turn
    """
    output, handlers = config.output, config.handlers
    shared = draft_shared(schemas, config)
    drafts = [group.draft for group in shared.groups]
    drafts += [_draft(queue, shared) for queue in schemas.queues]
    models = iter(recall_models(drafts, memory or Memory(), pool or Pool(), track))
    modules = [*finish_shared(shared, islice(models, len(shared.groups)))]
    queues = [_describe(*each, config) for each in zip(schemas.queues, models, strict=True)]
    everything = {"queues": queues}
    yield RenderJob(template="package.py.jinja", path=output / "__init__.py", context=everything)
    yield RenderJob(template="py.typed.jinja", path=output / "py.typed", context={})
    yield RenderJob(template="registry.py.jinja", path=output / "registry.py", context=everything)
    yield RenderJob(
        template="handlers.py.jinja", path=handlers / "__init__.py", policy="create", context={}
    )
    for queue in queues:
        yield from _plan_queue(queue, config)
    yield from _plan_shared(modules, config)


def _plan_queue(queue: Mapping[str, Any], config: Config) -> Iterator[RenderJob]:
    folder = config.output / queue["module"]
    context = {"queue": queue}
    for name, template in _QUEUE_FILES.items():
        yield RenderJob(template=template, path=folder / name, context=context)
    yield RenderJob(
        template="handler.py.jinja",
        path=config.handlers / f"{queue['module']}.py",
        policy="create",
        context=context,
    )


def _plan_shared(modules: list[SharedModule], config: Config) -> Iterator[RenderJob]:
    for module in modules:
        path = config.output.joinpath(*module.path).with_suffix(".py")
        context = {"source": module.source, "models": module.models.source}
        yield RenderJob(template="shared.py.jinja", path=path, context=context)
    packages = {
        (*module.path[:end], "__init__") for module in modules for end in range(1, len(module.path))
    }
    for package in sorted(packages - {module.path for module in modules}):
        path = config.output.joinpath(*package).with_suffix(".py")
        yield RenderJob(template="shared_package.py.jinja", path=path, context={})


_QUEUE_FILES = {
    "__init__.py": "queue.py.jinja",
    "models.py": "models.py.jinja",
    "validator.py": "validator.py.jinja",
    "producer.py": "producer.py.jinja",
}


def _draft(queue: QueueSchema, shared: Shared) -> Draft:
    return draft_models(
        queue.schema,
        queue.payload,
        taken=frozenset(_producers(queue)),
        externals=shared.visible(queue.origins),
        module=(queue.module, "models"),
    )


def _producers(queue: QueueSchema) -> tuple[str, str]:
    return f"{queue.class_prefix}Producer", f"Async{queue.class_prefix}Producer"


def _describe(queue: QueueSchema, models: Models, config: Config) -> dict[str, Any]:
    """What templates know of a queue."""
    producer, async_producer = _producers(queue)
    return {
        "name": queue.name,
        "module": queue.module,
        "source": queue.label,
        "payload": queue.payload,
        "producer": producer,
        "async_producer": async_producer,
        "schema": queue.schema,
        "has_decimals": holds_decimals(queue.schema),
        "fingerprint": queue.fingerprint,
        "models": models.source,
        "model_names": models.names,
        "members": models.members if len(models.members) > 1 else (),
        "settings": _changed_settings(queue.settings),
        "handler": f"{_handlers_package(config)}.{queue.module}:handle",
        "package": _queue_package(queue, config),
        "payload_import": _payload_import(queue, models),
    }


def _changed_settings(settings: QueueSettings) -> str:
    """Keyword arguments that make these settings, as Python source."""
    return ", ".join(f"{name}={value}" for name, value in _changed_fields(settings))


def _changed_fields(value: QueueSettings | Backoff) -> Iterator[tuple[str, str]]:
    for field in fields(value):
        given = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if isinstance(given, Backoff) and given != default:
            inner = ", ".join(f"{name}={text}" for name, text in _changed_fields(given))
            yield field.name, f"Backoff({inner})"
        elif given != default:
            yield field.name, repr(given)


def _handlers_package(config: Config) -> str:
    """The handlers' package, relative to the registry's where it lies inside of it."""
    if config.output in config.handlers.parents:
        return "." + ".".join(config.handlers.relative_to(config.output).parts)
    return config.module_of(config.handlers)


def _queue_package(queue: QueueSchema, config: Config) -> str:
    """The queue's package as its handler imports it."""
    if config.output in config.handlers.parents:
        depth = len(config.handlers.relative_to(config.output).parts)
        return "." * (depth + 1) + queue.module
    return f"{config.module_of(config.output)}.{queue.module}"


def _payload_import(queue: QueueSchema, models: Models) -> tuple[tuple[str, str], ...]:
    """Names that the handler imports, each with the name it gets there."""
    names = sorted({queue.payload, *(models.members if len(models.members) > 1 else ())})
    taken = ("Context", "Message")
    return tuple((name, f"{name}Payload" if name in taken else name) for name in names)
