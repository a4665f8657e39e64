"""What generated models need of pydantic that it does not have itself."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ModelWrapValidatorHandler,
    SerializationInfo,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from pgmqgen.numbers import without_fractions

T = TypeVar("T")


def _build_later(kind: Any, _: Any) -> CoreSchema:
    @cache
    def adapter() -> TypeAdapter[Any]:
        return TypeAdapter(kind)

    def read(value: Any, info: ValidationInfo) -> Any:
        return adapter().validate_python(value, by_alias=True, by_name=False, context=info.context)

    def write(value: Any, info: SerializationInfo) -> Any:
        return adapter().serializer.to_python(
            value,
            mode=info.mode,
            by_alias=info.by_alias,
            exclude_unset=info.exclude_unset,
            exclude_defaults=info.exclude_defaults,
            exclude_none=info.exclude_none,
            warnings="none",
            context=info.context,
        )

    anything = core_schema.any_schema()
    return core_schema.with_info_plain_validator_function(
        read,
        serialization=core_schema.plain_serializer_function_ser_schema(
            write, info_arg=True, return_schema=anything
        ),
        json_schema_input_schema=anything,
    )


Later: TypeAlias = Annotated[T, GetPydanticSchema(_build_later)]
"""A type that is built when its first value comes: pydantic cannot build too many at once."""


def _build_exact(kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    known = {(isinstance(value, bool), value) for value in get_args(kind)}

    def check(value: Any) -> Any:
        if isinstance(value, float | Decimal):
            value = without_fractions(value)
        if not isinstance(value, str | int) or (isinstance(value, bool), value) not in known:
            raise ValueError(f"expected {' or '.join(map(repr, get_args(kind)))}")
        return value

    return core_schema.no_info_before_validator_function(check, handler(kind))


Exactly: TypeAlias = Annotated[T, GetPydanticSchema(_build_exact)]
"""A `Literal` that tells `True` from 1, which are one for pydantic."""


class OpenModel(BaseModel):
    """A model that keeps properties which its schema does not name."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())
    if TYPE_CHECKING:
        __pydantic_extra__: dict[str, Any] = Field(init=False)  # a class may know more of them


class ClosedModel(BaseModel):
    """A model of nothing but the properties that its schema names."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())


class AliasedModel(OpenModel):
    """An open model with fields that Python calls otherwise than JSON does.

    A property that its schema does not name may be called like such a field: it is not the field.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _tell_apart(cls, value: Any, handler: ModelWrapValidatorHandler[AliasedModel]) -> Any:
        model = handler(value)
        if model.model_extra and isinstance(value, dict):
            for name in model.model_extra.keys() & cls.model_fields.keys():
                if cls.model_fields[name].validation_alias not in value:
                    model.model_fields_set.discard(name)
        return model


class LooseModel(AliasedModel):
    """A model whose schema accepts also what is no object: such a value stays as it is."""

    @model_validator(mode="wrap")
    @classmethod
    def _pass_others(cls, value: Any, handler: ModelWrapValidatorHandler[LooseModel]) -> Any:
        return handler(value) if isinstance(value, dict | BaseModel) else value
