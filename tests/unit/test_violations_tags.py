"""Which branch of a union was meant: told by one property, by several, by one of an object within."""

from __future__ import annotations

from typing import Any

import pytest

from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.contract.validation import Contract


def _told(schema: Any, value: Any) -> list[str]:
    contract: Contract[Any] = Contract(queue="q", schema=schema, payload=Any, fingerprint="f")
    with pytest.raises(InvalidMessage) as caught:
        contract.validate(value)
    return [str(error) for error in caught.value.errors]


def _object(optional: Any = (), **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


_TYPES = {"a": "string", "b": "integer", "c": "null"}

_NESTED = {
    "oneOf": [
        _object(meta=_object(type={"const": name}), n={"type": kind})
        for name, kind in _TYPES.items()
    ]
}
_NESTED_IN_PARTS = {
    "anyOf": [
        {"allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"meta": {"properties": {"type": {"const": name}}}}}],
         "properties": {"n": {"type": kind}}}
        for name, kind in _TYPES.items()
    ],
    "$defs": {"Base": _object(meta=_object(type={"enum": ["a", "b", "c"]}))},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (_NESTED, {"meta": {"type": "b"}, "n": "x"}, '/n: "x" is not of type "integer" (in `meta.type: b`) [type]'),
        (_NESTED, {"meta": {"type": "x"}, "n": 1}, "/meta/type: expected one of `a`, `b`, `c`; got `x` [oneOf]"),
        (_NESTED, {"meta": {}, "n": 1}, "(root): property `meta.type` is missing: expected one of `a`, `b`, `c` [oneOf]"),
        (_NESTED, {"n": 1}, "(root): property `meta.type` is missing: expected one of `a`, `b`, `c` [oneOf]"),
        (_NESTED, {"meta": 3, "n": 1}, '/meta: 3 is not of type "object" [type]'),
        (_NESTED_IN_PARTS, {"meta": {"type": "b"}, "n": "x"}, '/n: "x" is not of type "integer" (in `meta.type: b`) [type]'),
    ],
)  # fmt: skip
def test_a_tag_in_an_object(schema: Any, value: Any, told: str) -> None:
    assert _told(schema, value) == [told]


_TOGETHER = {
    "oneOf": [
        _object(kind={"const": kind}, version={"const": version}, n={"type": type_})
        for kind, version, type_ in (("a", 1, "string"), ("a", 2, "integer"), ("b", 1, "null"))
    ]
}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"kind": "a", "version": 2, "n": "x"}, '/n: "x" is not of type "integer" (in `kind: a, version: 2`) [type]'),
        ({"kind": "a", "version": 1, "n": 1}, '/n: 1 is not of type "string" (in `kind: a, version: 1`) [type]'),
        ({"kind": "b", "version": 1, "n": 1}, '/n: 1 is not of type "null" (in `kind: b`) [type]'),
        ({"kind": "b", "version": 2, "n": None}, "/version: expected `1`; got `2` (in `kind: b`) [const]"),
        ({"kind": "a", "version": 3, "n": 1}, "/version: expected one of `1`, `2`; got `3` [oneOf]"),
        ({"kind": "a", "n": 1}, "(root): property `version` is missing: expected one of `1`, `2` [oneOf]"),
        ({"kind": "x", "version": 2}, "/kind: expected one of `a`, `b`; got `x` [oneOf]"),
        ({"version": 2}, "(root): property `kind` is missing: expected one of `a`, `b` [oneOf]"),
    ],
)  # fmt: skip
def test_two_tags_together(value: Any, told: str) -> None:
    assert _told(_TOGETHER, value) == [told]


_OPTIONAL = {
    "oneOf": [
        _object(["type"], type={"const": "a"}, n={"type": "string"}),
        _object(type={"const": "b"}, m={"type": "string"}),
    ]
}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"type": "a"}, '(root): "n" is a required property (in `type: a`) [required]'),
        ({"type": "b", "n": 1}, '(root): "m" is a required property (in `type: b`) [required]'),
        ({"type": "x", "n": "x"}, "/type: expected one of `a`, `b`; got `x` [oneOf]"),
        ({"n": 1}, '/n: 1 is not of type "string" (in `type: a`, the closest of 2 branches) [type]'),
    ],
)  # fmt: skip
def test_a_tag_that_is_optional_tells_if_it_is_there(value: Any, told: str) -> None:
    assert _told(_OPTIONAL, value) == [told]


def _with_fallback(other: Any) -> dict[str, Any]:
    branches = [_object(type={"const": name}, n={"type": _TYPES[name]}) for name in ("a", "b")]
    return {"oneOf": [*branches, {"title": "Other", **_object(type=other, n={"type": "null"})}]}


_NOT_ENUM = _with_fallback({"type": "string", "not": {"enum": ["a", "b"]}})
_NOT_CONST = _with_fallback({"allOf": [{"not": {"const": "a"}}, {"not": {"const": "b"}}]})
_ANYTHING = _with_fallback({"type": "string"})


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (_NOT_ENUM, {"type": "b", "n": None}, '/n: null is not of type "integer" (in `type: b`) [type]'),
        (_NOT_ENUM, {"type": "x", "n": 1}, '/n: 1 is not of type "null" (in `Other`) [type]'),
        (_NOT_ENUM, {"type": 3, "n": None}, '/type: 3 is not of type "string" (in `Other`) [type]'),
        (_NOT_ENUM, {"n": 1}, "(root): property `type` is missing: expected one of `a`, `b` or another value [oneOf]"),
        (_NOT_CONST, {"type": "b", "n": None}, '/n: null is not of type "integer" (in `type: b`) [type]'),
        (_NOT_CONST, {"type": "x", "n": 1}, '/n: 1 is not of type "null" (in `Other`) [type]'),
        (_ANYTHING, {"type": "b", "n": "x"}, '/n: "x" is not of type "integer" (in `type: b`) [type]'),
        (_ANYTHING, {"type": "x", "n": 1}, '/n: 1 is not of type "null" (in `Other`) [type]'),
    ],
)  # fmt: skip
def test_a_branch_for_all_other_values(schema: Any, value: Any, told: str) -> None:
    assert _told(schema, value) == [told]


def test_what_tells_most_is_asked_first() -> None:
    """An `enum` that some branches share, and that has more values, is not the tag."""
    sizes = {"a": ["S", "M", "L"], "b": ["L", "XL"], "c": ["S", "XL"]}
    branches = [_object(size={"enum": sizes[at]}, type={"const": at}) for at in sizes]
    (told,) = _told({"oneOf": branches}, {"type": "a", "size": "XL"})
    assert (
        told
        == "/size: expected one of `S`, `M`, `L`; got `XL`; did you mean `L`? (in `type: a`) [enum]"
    )


def test_of_like_tags_the_first_in_the_schema_is_asked() -> None:
    branches = [_object(type={"const": at}, sub={"const": at}) for at in "ab"]
    told = "/sub: expected `a`; got `b` (in `type: a`) [const]"
    assert _told({"oneOf": branches}, {"type": "a", "sub": "b"}) == [told]


def test_the_narrower_of_two_demands_is_the_tag() -> None:
    base = _object(t={"enum": ["a", "b"]}, n={"type": "integer"})
    branches = [{"allOf": [base, {"properties": {"t": {"const": at}}}]} for at in "ab"]
    told = '/n: "x" is not of type "integer" (in `t: b`) [type]'
    assert _told({"oneOf": branches}, {"t": "b", "n": "x"}) == [told]


def test_objects_within_objects_are_read_in_bounded_time() -> None:
    """Each has twenty that it requires: a tag may be three deep, and there are 8000 places."""
    names = [f"n{at}" for at in range(20)]
    wide = {"required": names, "properties": {name: {"$ref": "#/$defs/wide"} for name in names}}
    branches = [{"$ref": "#/$defs/wide", **_object(t={"const": at})} for at in range(40)]
    schema = {"anyOf": branches, "$defs": {"wide": wide}}
    assert _told(schema, {"t": 99})[0].startswith("/t: expected one of `0`, `1`")
