"""Types of generated models for the formats that Python can say: date, date-time, time, uuid.

JSON Schema accepts texts that Python's types cannot keep: a leap second, nanoseconds, the year 0,
a UUID in capitals. Such a value gets the nearest Python value, which remembers its text, also in
copies and pickles, and is written as it was read.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, ClassVar, SupportsIndex, TypeAlias, TypeVar
from uuid import UUID

from pydantic import (
    AwareDatetime,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
)
from pydantic_core import PydanticSerializationUnexpectedValue, to_jsonable_python

T = TypeVar("T", datetime, time)

_IN_SECONDS = re.compile("(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T)?(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z")
"""A time of UTC in seconds; 24:00:00, which some Pythons take for the next day, is none."""


class _AsSent:
    """Remembers the text that it was sent as, and so do its copies."""

    text: str | None = None
    _shown_as: ClassVar[str]

    def __repr__(self) -> str:
        return _plain_repr(self._shown_as, super().__repr__())

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (*super().__reduce_ex__(protocol), vars(self))


class _ExactDateTime(_AsSent, datetime):
    _shown_as = "datetime.datetime"


class _ExactDate(_AsSent, date):
    _shown_as = "datetime.date"


class _ExactTime(_AsSent, time):
    _shown_as = "datetime.time"


class _ExactUuid(UUID):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        vars(self)["text"] = text  # a UUID refuses to be assigned to

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (vars(self)["text"],)

    def __repr__(self) -> str:
        return _plain_repr("UUID", super().__repr__())


def _plain_repr(name: str, text: str) -> str:
    """What a value of one of these types is shown as: what it is to its user, such as a date."""
    return f"{name}({text.partition('(')[2]}"


def _read_date_time(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    if (usual := _read_usual(datetime, value)) is not None:
        return usual
    parsed = _parse(value, parse, lambda text: text.replace(":60", ":59"))
    if not isinstance(value, str) or parsed.isoformat().replace("+00:00", "Z") == value:
        return parsed
    exact = _ExactDateTime.combine(parsed.date(), parsed.timetz())
    exact.text = value
    return exact


def _read_date(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    parsed = _parse(value, parse, str)
    if not isinstance(value, str) or parsed.isoformat() == value:
        return parsed
    exact = _ExactDate(parsed.year, parsed.month, parsed.day)
    exact.text = value
    return exact


def _read_time(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    if (usual := _read_usual(time, value)) is not None:
        return usual
    parsed = _parse(value, parse, lambda text: text.replace(":60", ":59"))
    if parsed.tzinfo is None:
        raise ValueError("expected a time with an offset from UTC")
    if not isinstance(value, str) or parsed.isoformat().replace("+00:00", "Z") == value:
        return parsed
    exact = _ExactTime.fromisoformat(parsed.isoformat())
    exact.text = value
    return exact


def _read_uuid(value: Any, parse: ValidatorFunctionWrapHandler) -> Any:
    parsed = parse(value)
    if not isinstance(value, str) or str(parsed) == value:
        return parsed
    return _ExactUuid(value)


def _read_usual(kind: type[T], value: Any) -> T | None:
    """The value of a text that Python itself reads, with an offset, and would write in the same way.

    Most texts are such, and pydantic takes several times as long for them.
    """
    if type(value) is not str:
        return None
    try:
        read = kind.fromisoformat(value)
    except ValueError:
        return None
    if _IN_SECONDS.fullmatch(value):  # quicker to see than to write
        return read
    is_kept = read.tzinfo is not None and read.isoformat().replace("+00:00", "Z") == value
    return read if is_kept else None


def _parse(value: Any, parse: ValidatorFunctionWrapHandler, mend: Any) -> Any:
    if isinstance(value, int | float | Decimal):  # pydantic would take it for seconds since 1970
        raise ValueError("expected text, got a number")
    try:
        return parse(value)
    except ValidationError:
        if not isinstance(value, str):
            raise
        mended = mend(value)
        # Python's years start at 1.
        return parse(f"0004{mended[4:]}" if mended.startswith("0000-") else mended)


def _writer(kind: type[Any]) -> WrapSerializer:
    def write(value: Any, write: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        if not isinstance(value, kind):  # then it is of another branch of a union
            raise PydanticSerializationUnexpectedValue(f"expected a {kind.__name__}")
        if info.mode == "python":
            return write(value)
        text = getattr(value, "text", None)
        return to_jsonable_python(value) if text is None else text

    return WrapSerializer(write)


DateTime: TypeAlias = Annotated[AwareDatetime, WrapValidator(_read_date_time), _writer(datetime)]
"""`date-time`: a datetime with a time zone."""
Date: TypeAlias = Annotated[date, WrapValidator(_read_date), _writer(date)]
"""`date`: a date."""
Time: TypeAlias = Annotated[time, WrapValidator(_read_time), _writer(time)]
"""`time`: a time of day with an offset from UTC."""
Uuid: TypeAlias = Annotated[UUID, WrapValidator(_read_uuid), _writer(UUID)]
"""`uuid`: a UUID."""
