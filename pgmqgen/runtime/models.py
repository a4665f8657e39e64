"""Base class of generated models whose schemas say `properties`, but not `type: object`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ModelWrapValidatorHandler, model_validator


class LooseModel(BaseModel):
    """A model whose schema accepts also what is no object: such a value stays as it is."""

    @model_validator(mode="wrap")
    @classmethod
    def _pass_others(cls, value: Any, handler: ModelWrapValidatorHandler[LooseModel]) -> Any:
        return handler(value) if isinstance(value, dict | BaseModel) else value
