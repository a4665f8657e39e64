"""The vocabulary that the compiler and the runtime share: the settings of one queue.

`check_settings` is the one place that knows the keys of `x-pgmq` and `[defaults]`.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

MAX_NAME_LENGTH = 47
"""What pgmq allows for the name of a queue."""

Kind = Literal["standard", "unlogged", "partitioned"]
Disposal = Literal["archive", "dead_letter"]
Formats = Literal["assert", "annotate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed message waits for its next attempt (all times in seconds).

    exponential: `initial * factor ** (attempt - 1)`, at most `max`; fixed: `initial` each time.
    `jitter` spreads each delay by up to that fraction, up or down.
    """

    kind: Literal["exponential", "fixed"] = "exponential"
    initial: float = 1.0
    factor: float = 2.0
    max: float = 3600.0
    jitter: float = 0.1

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after the failed attempt number `attempt` (the first is 1)."""
        delay = self.initial
        if self.kind == "exponential":
            try:
                delay = min(self.max, self.initial * self.factor ** (attempt - 1))
            except OverflowError:
                delay = self.max
        return max(0.0, delay * (1 + self.jitter * random.uniform(-1, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """The contract of one queue, from `x-pgmq` and `[defaults]`; times are in seconds.

    name: the queue's name in pgmq
    kind: the kind of table that `migrate` creates
    visibility_timeout: the lease; extended while a handler runs
    timeout: the limit for one run of the handler
    max_attempts: failed attempts after which `on_failure` applies
    batch_size: most messages a lease; None adapts to the handler's speed
    notify: whether a statement-level trigger wakes the workers
    dead_letter_queue: name of the dead-letter queue; None means `<name>_dlq`
    formats: whether a text must have the `format` that its schema names, or this only describes it
    """

    name: str
    kind: Kind = "standard"
    visibility_timeout: float = 30.0
    timeout: float = 300.0
    max_attempts: int = 5
    backoff: Backoff = field(default_factory=Backoff)
    on_failure: Disposal = "dead_letter"
    on_invalid: Disposal = "archive"
    on_success: Literal["delete", "archive"] = "delete"
    batch_size: int | None = None
    notify: bool = False
    dead_letter_queue: str | None = None
    formats: Formats = "assert"

    @property
    def dlq(self) -> str:
        """Name of the dead-letter queue."""
        return self.dead_letter_queue or f"{self.name}_dlq"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingProblem:
    """Why one setting cannot be used.

    path: keys that lead to it, such as `("backoff", "factor")`
    kind: `unknown` key, `unsupported` yet, or `wrong` value
    """

    path: tuple[str, ...]
    kind: Literal["unknown", "unsupported", "wrong"]
    message: str
    hint: str | None = None


def check_settings(values: Any) -> Iterator[SettingProblem]:
    """Check what stands under `x-pgmq`; the key `queue` is among them."""
    if not isinstance(values, Mapping):
        yield _wrong((), f"expected an object, got {_kind_of(values)}")
        return
    for key, value in values.items():
        if key in UNSUPPORTED_SETTINGS:
            message = f"`{key}` is not supported yet"
            hint = f"remove `{key}`"
            yield SettingProblem(path=(key,), kind="unsupported", message=message, hint=hint)
        elif key in _CHECKS:
            yield from _CHECKS[key]((key,), value)
        else:
            yield _unknown((key,), _CHECKS)


def make_settings(name: str, values: Mapping[str, Any]) -> QueueSettings:
    """Make the settings of queue `name` from checked values."""
    given = {key: value for key, value in values.items() if key != "queue"}
    if "backoff" in given:
        given["backoff"] = Backoff(**given["backoff"])
    return QueueSettings(name=name, **given)


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names what was probably meant."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else None


def _unknown(path: tuple[str, ...], known: Iterable[str]) -> SettingProblem:
    names = sorted(known)
    hint = suggest(path[-1], names) or f"known keys: {', '.join(names)}"
    message = f"unknown key `{'.'.join(path)}`"
    return SettingProblem(path=path, kind="unknown", message=message, hint=hint)


def _wrong(path: tuple[str, ...], message: str, hint: str | None = None) -> SettingProblem:
    subject = f"`{'.'.join(path)}`: " if path else ""
    return SettingProblem(path=path, kind="wrong", message=subject + message, hint=hint)


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value}`"
        case str():
            return f"the text `{value}`" if value else "an empty text"
        case Mapping():
            return "an object"
        case _:
            return "a list" if isinstance(value, list) else type(value).__name__


_Check = Callable[[tuple[str, ...], Any], Iterator[SettingProblem]]


def _number(low: float, *, above: bool = False, high: float = math.inf) -> _Check:
    bound = f"above {low:g}" if above else f"of at least {low:g}"
    limit = "" if math.isinf(high) else f" and at most {high:g}"

    def check(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if (
            not fits
            or not math.isfinite(value)
            or not low <= value <= high
            or (above and value <= low)
        ):
            yield _wrong(path, f"expected a number {bound}{limit}, got {_kind_of(value)}")

    return check


def _whole(low: int) -> _Check:
    def check(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            yield _wrong(path, f"expected a whole number of at least {low}, got {_kind_of(value)}")

    return check


def _one_of(*names: str) -> _Check:
    expected = " or ".join(f"`{name}`" for name in names)

    def check(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
        if value not in names:
            is_text = isinstance(value, str)
            got = f"`{value}`" if is_text else _kind_of(value)
            hint = suggest(value, names) if is_text else None
            yield _wrong(path, f"expected {expected}, got {got}", hint)

    return check


def _flag(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
    if not isinstance(value, bool):
        yield _wrong(path, f"expected `true` or `false`, got {_kind_of(value)}")


def _name(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
    if not isinstance(value, str) or not value:
        yield _wrong(path, f"expected the name of a queue, got {_kind_of(value)}")


def _backoff(path: tuple[str, ...], value: Any) -> Iterator[SettingProblem]:
    if not isinstance(value, Mapping):
        hint = 'write it as an object, such as {"kind": "fixed", "initial": 5}'
        yield _wrong(path, f"expected an object, got {_kind_of(value)}", hint)
        return
    for key, item in value.items():
        if key in _BACKOFF_CHECKS:
            yield from _BACKOFF_CHECKS[key]((*path, key), item)
        else:
            yield _unknown((*path, key), _BACKOFF_CHECKS)


UNSUPPORTED_SETTINGS = (
    "concurrency", "group_by", "retention", "schedule", "topics", "unique_by", "weight",
)  # fmt: skip
"""Keys that are reserved for features which are not built yet."""

_BACKOFF_CHECKS: dict[str, _Check] = {
    "kind": _one_of("exponential", "fixed"),
    "initial": _number(0),
    "factor": _number(1),
    "max": _number(0),
    "jitter": _number(0, high=1),
}
_CHECKS: dict[str, _Check] = {
    "queue": _name,
    "kind": _one_of(*get_args(Kind)),
    "visibility_timeout": _number(0, above=True),
    "timeout": _number(0, above=True),
    "max_attempts": _whole(1),
    "backoff": _backoff,
    "on_failure": _one_of("dead_letter", "archive"),
    "on_invalid": _one_of("archive", "dead_letter"),
    "on_success": _one_of("delete", "archive"),
    "batch_size": _whole(1),
    "notify": _flag,
    "dead_letter_queue": _name,
    "formats": _one_of(*get_args(Formats)),
}
