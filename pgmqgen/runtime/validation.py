"""The contract of one queue: JSON Schema gives the verdict, the pydantic model the typed view.

The verdict is jsonschema-rs's, with formats asserted. The model never decides whether a
message is valid: it only gives a valid message its type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import jsonschema_rs
import orjson

from pgmqgen.errors import InvalidMessage, PayloadTypeError, Violation

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_JSON_ONLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_DIGITS = bytes.maketrans(b"0123456789.", b"0" * 11)
_LONG_NUMBER = b"0" * 17
"""A number this long may not fit a double or 64 bits, where orjson would round it."""


def parse_json(raw: bytes | str) -> Any:
    """Parse JSON text; integers of any length stay exact.

    Raises InvalidMessage (keyword `json`) if `raw` is not JSON, or has a number over a double.
    """
    try:
        data = raw.encode() if isinstance(raw, str) else raw
        if _LONG_NUMBER in data.translate(_DIGITS):
            return json.loads(data.decode(), parse_constant=_refuse, parse_float=_finite)
        return orjson.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage([Violation("", "json", f"not JSON: {error}")]) from error


def dump_json(value: Any) -> bytes:
    """Write a JSON value as compact UTF-8 text.

    Raises InvalidMessage (keyword `json`) for what JSON or PostgreSQL's jsonb cannot hold:
    other Python objects, NaN and infinity, lone surrogates and the NUL character.
    """
    try:
        data = orjson.dumps(value, option=_JSON_ONLY)
        # orjson writes NaN as null.
        if b"\\u0000" in data or (b"null" in data and _holds_infinity(value)):
            _refuse_flaws(value)
    except TypeError:
        data = _dump_exact(value)
    return data


def encode_each(
    encode: Callable[[T], bytes], payloads: Iterable[T], *, queue: str | None = None
) -> bytes:
    """The text of a JSON array of payloads, encoded one by one.

    Raises InvalidMessage with the violations of all of them, each pointer led by the payload's
    index.
    """
    encoded: list[bytes] = []
    violations: list[Violation] = []
    for index, payload in enumerate(payloads):
        try:
            encoded.append(encode(payload))
        except InvalidMessage as error:
            violations += (
                Violation(f"/{index}{each.pointer}", each.keyword, each.message)
                for each in error.errors
            )
    if violations:
        raise InvalidMessage(violations, queue=queue)
    return b"[%b]" % b",".join(encoded)


class Contract(Generic[T]):
    """What a message of one queue may be, and its Python type.

    queue: the queue's name, for error messages
    schema: the bundled JSON Schema; `{}` or `true` admits everything
    payload: the type that `decode` returns; `Any` leaves the JSON value as it is
    fingerprint: short hash of the schema, carried by each message that a producer sends
    """

    def __init__(
        self, *, queue: str, schema: dict[str, Any] | bool, payload: Any, fingerprint: str
    ) -> None:
        self.queue = queue
        self.schema = schema
        self.payload = payload
        self.fingerprint = fingerprint

    def prepare(self) -> None:
        """Compile validator and model now rather than on the first message."""
        _ = self._validator, self._adapter

    def validate(self, value: Any) -> None:
        """Return None if the JSON value `value` is valid.

        Raises InvalidMessage with every violation otherwise.
        """
        try:
            if self._validator.is_valid(value):
                return
            errors = [_violation(error) for error in self._validator.iter_errors(value)]
        except (ValueError, RecursionError) as error:
            errors = [Violation("", "json", f"not a JSON value: {error}")]
        raise InvalidMessage(errors, queue=self.queue)

    def decode(self, raw: bytes | str) -> T:
        """Parse and validate JSON text, and return the typed payload.

        Raises InvalidMessage if it is not JSON or breaks the schema, PayloadTypeError if the
        model refuses what the schema accepts.
        """
        value = parse_json(raw)
        self.validate(value)
        return self.typed(value)

    def encode(self, payload: T) -> bytes:
        """Return a typed payload as JSON text, validated; only what was set is written.

        Raises InvalidMessage if the payload breaks the schema or JSON cannot hold it.
        """
        value = self.json_value(payload)
        self.validate(value)
        return dump_json(value)

    def encode_batch(self, payloads: Sequence[T]) -> bytes:
        """Return typed payloads as the text of one JSON array, all validated.

        Raises InvalidMessage with the violations of all of them, each pointer led by the
        payload's index.
        """
        try:
            values = self._dump(self._batch_adapter, payloads)
            if all(map(self._validator.is_valid, values)):
                return dump_json(values)
        except (InvalidMessage, ValueError, RecursionError):
            pass
        return encode_each(self.encode, payloads, queue=self.queue)

    def typed(self, value: Any) -> T:
        """Give a valid JSON value its type. Raises PayloadTypeError if the model refuses it."""
        if self._adapter is None:
            return cast(T, value)
        try:
            return self._read(value)
        except (ValueError, RecursionError) as error:
            raise PayloadTypeError(
                f"queue `{self.queue}`: the schema accepts this payload but its model does not: {error}",
                hint="report the schema: the generated model must accept all that its schema does",
            ) from error

    def _read(self, value: Any) -> T:
        read = partial(cast("TypeAdapter[T]", self._adapter).validate_python, by_name=False)
        try:
            return read(value, by_alias=True)
        except ValueError:  # 1.0 and 1e19 are integers for JSON Schema, but not always for pydantic
            return read(_write_out(value), by_alias=True)

    def json_value(self, payload: T) -> Any:
        """Return a typed payload as a JSON value, without validating it."""
        return self._dump(self._adapter, payload)

    def _dump(self, adapter: TypeAdapter[Any] | None, payload: Any) -> Any:
        if adapter is None:
            return payload
        try:
            return adapter.dump_python(
                payload, mode="json", by_alias=True, exclude_unset=True, warnings="none"
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidMessage(
                [Violation("", "json", f"not a JSON value: {error}")], queue=self.queue
            ) from error

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(
            self.schema,
            validate_formats=True,
            email_options=jsonschema_rs.EmailOptions(allow_display_text=False),
            offline=True,
        )

    @cached_property
    def _adapter(self) -> TypeAdapter[T] | None:
        if self.payload is Any:
            return None
        from pydantic import TypeAdapter

        return TypeAdapter(self.payload)

    @cached_property
    def _batch_adapter(self) -> TypeAdapter[list[T]] | None:
        if self.payload is Any:
            return None
        from pydantic import TypeAdapter

        return TypeAdapter(list[self.payload])  # type: ignore[name-defined]


def _write_out(value: Any) -> Any:
    """The same JSON value, with every number that has no fraction as an int."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _write_out(item) for key, item in value.items()}
        case list():
            return [_write_out(item) for item in value]
        case _:
            return value


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    pointer = "".join(f"/{_escape(step)}" for step in error.instance_path)
    return Violation(pointer, error.kind.name, error.message)


def _escape(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _dump_exact(value: Any) -> bytes:
    _refuse_flaws(value)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMessage([Violation("", "json", f"not a JSON value: {error}")]) from error


def _refuse(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is over the range of a double")
    return number


def _holds_infinity(value: Any) -> bool:
    """Whether there is a NaN or an infinity in `value`: quick, as it is asked often."""
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is dict:
            pending += item.values()
        elif kind is list or kind is tuple:
            pending += item
        elif isinstance(item, float) and not math.isfinite(item):
            return True
    return False


def _refuse_flaws(value: Any) -> None:
    try:
        flaws = [Violation(pointer, "json", message) for pointer, message in _flaws(value, "")]
    except RecursionError as error:
        raise InvalidMessage([Violation("", "json", "nested too deeply")]) from error
    if flaws:
        raise InvalidMessage(flaws)


def _flaws(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield from ((pointer, flaw) for flaw in _text_flaws(value))
        case float() if not math.isfinite(value):
            yield pointer, f"`{value}` is not a JSON number"
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    yield pointer, f"the key `{key!r}` is not a string"
                    continue
                yield from ((pointer, f"a key {flaw}") for flaw in _text_flaws(key))
                yield from _flaws(item, f"{pointer}/{_escape(key)}")
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _flaws(item, f"{pointer}/{index}")


def _text_flaws(text: str) -> Iterator[str]:
    if "\0" in text:
        yield "contains the NUL character, which PostgreSQL's jsonb cannot store"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield "contains a lone surrogate, which is no Unicode text"
