"""The settings of a queue as they read: what was set, and what is a default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any

from pgmqgen.queue import Backoff, QueueSettings

_SECONDS = frozenset({"visibility_timeout", "timeout", "backoff.initial", "backoff.max"})
_MEANINGS = {
    "kind": "kind of table",
    "visibility_timeout": "lease of a message, extended while its handler runs",
    "timeout": "limit for one run of the handler",
    "max_attempts": "failed attempts after which on_failure applies",
    "backoff.kind": "how the wait between attempts grows",
    "backoff.initial": "wait after the first failed attempt",
    "backoff.factor": "what each wait is multiplied by",
    "backoff.max": "longest wait",
    "backoff.jitter": "share by which a wait is spread, up or down",
    "on_failure": "where a message goes that failed too often",
    "on_invalid": "where a message goes that breaks its schema",
    "on_success": "what becomes of a message that was handled",
    "batch_size": "most messages a lease",
    "notify": "whether a trigger wakes the workers",
    "dead_letter_queue": "queue of the dead letters",
    "formats": "whether a text must have the format of its schema",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting; a key of `backoff` is written `backoff.key`."""

    key: str
    value: Any
    text: str
    meaning: str
    is_default: bool


def list_settings(settings: QueueSettings) -> tuple[Setting, ...]:
    """All settings but the name, in their usual order."""
    return tuple(_list(settings, settings.dlq))


def settings_value(settings: QueueSettings) -> dict[str, Any]:
    """The settings as a JSON value, defaults included."""
    value: dict[str, Any] = {}
    for setting in list_settings(settings):
        head, _, key = setting.key.partition(".")
        if key:
            value.setdefault(head, {})[key] = setting.value
        elif setting.value is not None:
            value[head] = setting.value
    return value


def _list(settings: QueueSettings, dlq: str) -> Iterator[Setting]:
    for key, value, default in _flatten(settings):
        shown = dlq if key == "dead_letter_queue" else value
        yield Setting(
            key=key,
            value=shown,
            text=_show(key, shown),
            meaning=_MEANINGS[key],
            is_default=value == default,
        )


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    for field in fields(value):
        given = getattr(value, field.name)
        if isinstance(given, Backoff):
            yield from _flatten(given, f"{field.name}.")
        elif field.default is not MISSING:
            yield prefix + field.name, given, field.default


def _show(key: str, value: Any) -> str:
    match value:
        case None:
            return "adaptive"
        case bool():
            return "on" if value else "off"
        case float() | int():
            return f"{value:g} s" if key in _SECONDS else f"{value:g}"
        case _:
            return str(value)
