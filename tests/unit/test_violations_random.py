"""Random unions and payloads: a refusal has reasons, and these are among the schema's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.errors import InvalidMessage, Violation
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.json_text import escape

_DEFINITIONS = ("One", "Two")
_names = st.sampled_from(["t", "u", "a/b", "~", "é %"])
_scalars = st.sampled_from(["a", "b", "c", "", 0, 1, 1.0, 1.5, True, False, None])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)
_TAGS = [
    {"const": "a"}, {"const": "b"}, {"enum": ["c", 1]}, {"not": {"enum": ["a", "b"]}},
    {"required": ["u"], "properties": {"u": {"const": "a"}}},
    {"required": ["u"], "properties": {"u": {"not": {"const": "a"}}}},
]  # fmt: skip
_leaves = st.one_of(
    st.sampled_from([True, False, {"type": "null"}, {"type": "string"}, {"type": ["integer", "null"]}]),
    st.builds(lambda value: {"const": value}, _values),
    st.builds(lambda values: {"enum": values}, st.lists(_scalars, min_size=1, max_size=2)),
    st.builds(lambda limit: {"minimum": limit, "maxLength": limit}, st.integers(0, 2)),
    st.builds(lambda least, most: {"contains": {"type": "integer"}, "minContains": least, "maxContains": most},
              st.integers(0, 2), st.integers(1, 2)),
)  # fmt: skip


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    """An object that perhaps has a tag."""
    properties = draw(st.dictionaries(_names, inner, max_size=2))
    required = draw(st.lists(_names, max_size=2, unique=True))
    if (tag := draw(st.sampled_from([None, *_TAGS]))) is not None:
        properties["t"] = tag
        required = sorted({*required} | draw(st.sampled_from([{"t"}, set()])))
    schema = {"type": "object", "properties": properties, "required": required}
    return schema | draw(
        st.sampled_from([{}, {"title": "Title"}, {"unevaluatedProperties": False}])
    )


def _unions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda keyword, branches, around: {keyword: branches, **around},
        st.sampled_from(["oneOf", "anyOf"]),
        st.lists(_objects(inner) | inner, min_size=1, max_size=3),
        st.sampled_from([{}, {"required": ["t"]}, {"unevaluatedProperties": False}]),
    )


_references = st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in _DEFINITIONS])


def _schemas(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            _unions(inner),
            _objects(inner),
            st.builds(lambda items: {"items": items}, inner),
            st.builds(lambda parts: {"allOf": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda schema: {"not": schema}, inner),
        ),
        max_leaves=8,
    )


@st.composite
def _documents(draw: st.DrawFn) -> Any:
    """A union, with definitions that refer to others only through an object: no endless loops."""
    beneath = _objects(_references | _leaves) | _schemas(_leaves)
    root = draw(_unions(_schemas(_leaves | _references)))
    return {**root, "$defs": {name: draw(beneath) for name in _DEFINITIONS}}


def _refusal(judge: Callable[[Any], object], value: Any) -> tuple[Violation, ...] | None:
    try:
        judge(value)
    except InvalidMessage as error:
        return error.errors
    return None


def _is_in(value: Any, pointer: str) -> bool:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        match value:
            case dict() if name in value:
                value = value[name]
            case list() if int(name) < len(value):
                value = value[int(name)]
            case _:
                return False
    return True


def _all_reasons(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[tuple[str, str]]:
    """Pointer and keyword of each error, and of each error of each branch."""
    for error in errors:
        keyword = error.kind.name
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Contains):
            keyword = str(error.schema_path[-1])
        yield "".join(f"/{escape(step)}" for step in error.instance_path), keyword
        for branch in getattr(error.kind, "context", []):
            yield from _all_reasons(branch)


@given(_documents(), _values)
def test_a_refusal_has_reasons(schema: Any, value: Any) -> None:
    contract: Contract[Any] = Contract(queue="q", schema=schema, payload=Any, fingerprint="f")
    validator = jsonschema_rs.validator_for(schema)
    violations = _refusal(contract.validate, value)
    assert (violations is None) == validator.is_valid(value)
    if violations is not None:
        assert 1 <= len(violations) <= 100
        assert all(_is_in(value, each.pointer) and len(each.message) < 1000 for each in violations)
        reasons = set(_all_reasons(validator.iter_errors(value)))
        others = [each for each in violations if each.keyword not in ("oneOf", "anyOf")]
        assert {(each.pointer, each.keyword) for each in others} <= reasons


@given(_documents(), st.lists(_values, max_size=3))
def test_a_batch_is_refused_for_the_reasons_of_its_payloads(schema: Any, values: list[Any]) -> None:
    contract: Contract[Any] = Contract(queue="q", schema=schema, payload=Any, fingerprint="f")
    one_by_one = [
        Violation(f"/{at}{each.pointer}", each.keyword, each.message)
        for at, value in enumerate(values)
        for each in _refusal(contract.validate, value) or ()
    ]
    assert list(_refusal(contract.encode_batch, values) or ()) == one_by_one
