"""When two JSON values are equal."""

from __future__ import annotations

from typing import Any

from pgmqgen.numbers import exact_decimal


def exact(value: Any) -> Any:
    """A value that equals another only if JSON Schema says so: true is not 1, 1.0 and 1e0 are."""
    match value:
        case bool() | None | str():
            return repr(value)
        case dict():
            return {key: exact(item) for key, item in value.items()}
        case list():
            return [exact(item) for item in value]
        case _:
            return exact_decimal(value)
