"""The contract of one queue: JSON Schema gives the verdict, the pydantic model the typed view.

The verdict is jsonschema-rs's, with formats asserted. The model never decides whether a
message is valid: it only gives a valid message its type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import jsonschema_rs

from pgmqgen.errors import InvalidMessage, PayloadTypeError, Violation
from pgmqgen.numbers import (
    is_common_throughout,
    plain,
    pointed,
    spelt_out,
    with_exact_ints,
    without_fractions,
)
from pgmqgen.runtime.contract.arithmetic import EXACT_KEYWORDS
from pgmqgen.runtime.contract.outline import Outline
from pgmqgen.runtime.contract.violations import explain
from pgmqgen.runtime.json_text import (
    WIRE,
    dump_json,
    dump_lines,
    encode_each,
    may_be_rounded,
    read_json,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
_PART = 25
"""Payloads that are encoded at once: what they are made of is freed before memory grows slow."""


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
        _ = self._validator, self._reader

    def validate(self, value: Any) -> None:
        """Return None if the JSON value `value` is valid.

        Raises InvalidMessage with its violations otherwise: at least one, at most 100.
        """
        try:
            is_long = not is_common_throughout(value)
            value = plain(value) if is_long else value
        except (ValueError, RecursionError) as error:
            raise self._refuse(error) from error
        self._check(value, is_long=is_long)

    def decode(self, raw: bytes | str) -> T:
        """Parse and validate JSON text, and return the typed payload.

        Raises InvalidMessage if it is not JSON or breaks the schema, PayloadTypeError if the
        model refuses what the schema accepts.
        """
        value, is_long = read_json(raw)
        self._check(value, is_long=is_long)
        if is_long and self._adapter is not None:
            value = with_exact_ints(value)
        return self.typed(value)

    def encode(self, payload: T) -> bytes:
        """Return a typed payload as JSON text, validated; only what was set is written.

        Raises InvalidMessage if the payload breaks the schema or JSON cannot hold it.
        """
        value = self.json_value(payload)
        data = dump_json(value)  # first, for a number that is too large must not be compared
        if may_be_rounded(data):
            value, is_long = read_json(data)
            self._check(value, is_long=is_long)
        else:
            self._check(value)
        return data

    def encode_batch(self, payloads: Sequence[T]) -> bytes:
        """Return typed payloads as JSON texts, a line each, all validated.

        Raises InvalidMessage with the violations of all of them, each pointer led by the
        payload's index.
        """
        try:
            parts = [
                self._encode_part(payloads[start : start + _PART])
                for start in range(0, len(payloads), _PART)
            ]
        except (InvalidMessage, TypeError, ValueError, RecursionError):
            return encode_each(self.encode, payloads, queue=self.queue)
        return b"\n".join(parts)

    def _encode_part(self, payloads: Sequence[T]) -> bytes:
        """Like `encode_batch`. Raises one of several errors if there may be trouble."""
        values = self._dump(self._batch_adapter, payloads)
        data = dump_lines(values)
        if may_be_rounded(data) or not all(map(self._validator.is_valid, values)):
            raise ValueError("to be encoded one by one")
        return data

    def _check(self, value: Any, *, is_long: bool = False) -> None:
        """Raise InvalidMessage for what is invalid; `is_long`: some numbers are not common."""
        if is_long:
            value, validator = pointed(value), self._exact_validator
        else:
            validator = self._validator
        try:
            if validator.is_valid(value):
                return
            errors = explain(self._outline, pointed(plain(value)))
        except (ValueError, RecursionError) as error:
            raise self._refuse(error) from error
        raise InvalidMessage(errors, queue=self.queue)

    def _refuse(self, error: Exception) -> InvalidMessage:
        violation = Violation("", "json", f"not a JSON value: {error}")
        return InvalidMessage([violation], queue=self.queue)

    def typed(self, value: Any) -> T:
        """Give a valid JSON value its type. Raises PayloadTypeError if the model refuses it."""
        read = self._reader
        if read is None:
            return cast(T, value)
        try:
            try:
                return read(value, by_alias=True, by_name=False)
            except ValueError:  # 1.0 and 1e19 are integers for JSON Schema, not always for pydantic
                return read(without_fractions(value), by_alias=True, by_name=False)
        except (ValueError, RecursionError) as error:
            raise PayloadTypeError(
                f"queue `{self.queue}`: the schema accepts this payload but its model does not: {error}",
                hint="report the schema: the generated model must accept all that its schema does",
            ) from error

    def json_value(self, payload: T) -> Any:
        """Return a typed payload as a JSON value, without validating it."""
        return self._dump(self._adapter, payload)

    def _dump(self, adapter: TypeAdapter[Any] | None, payload: Any) -> Any:
        if adapter is None:
            return payload
        try:
            return adapter.serializer.to_python(
                payload, mode=WIRE, by_alias=True, exclude_unset=True, warnings="none"
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise self._refuse(error) from error

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return self._compile(self._spelt_schema)

    @cached_property
    def _exact_validator(self) -> jsonschema_rs.Validator:
        """For messages with numbers that the other would compare as doubles; not as fast."""
        return self._compile_exactly(self._spelt_schema)

    @cached_property
    def _outline(self) -> Outline:
        return Outline(self._spelt_schema, self._compile_exactly)

    @cached_property
    def _spelt_schema(self) -> Any:
        return spelt_out(self.schema)

    def _compile_exactly(self, schema: Any, **more: Any) -> jsonschema_rs.Validator:
        keywords = EXACT_KEYWORDS | more.pop("keywords", {})
        return self._compile(schema, keywords=keywords, **more)

    def _compile(self, schema: Any, **more: Any) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(
            schema,
            validate_formats=True,
            email_options=jsonschema_rs.EmailOptions(allow_display_text=False),
            offline=True,
            **more,
        )

    @cached_property
    def _adapter(self) -> TypeAdapter[T] | None:
        if self.payload is Any:
            return None
        from pydantic import TypeAdapter

        return TypeAdapter(self.payload)

    @cached_property
    def _reader(self) -> Callable[..., T] | None:
        """What reads a JSON value: pydantic's own, without the layers of Python around it."""
        adapter = self._adapter
        return (
            None if adapter is None else cast("Callable[..., T]", adapter.validator.validate_python)
        )

    @cached_property
    def _batch_adapter(self) -> TypeAdapter[list[T]] | None:
        if self.payload is Any:
            return None
        from pydantic import TypeAdapter

        return TypeAdapter(list[self.payload])  # type: ignore[name-defined]
