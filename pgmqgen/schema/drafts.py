"""Dialects of JSON Schema: which keywords of a draft count, and a draft in terms of a newer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgmqgen.schema.keywords import DEFAULT_DRAFT, DRAFTS, REF_STANDS_ALONE

_DRAFT_4, _DRAFT_2020 = DRAFTS[-1], DRAFTS[0]
_VOCABULARIES = {
    "applicator": frozenset({
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains",
        "dependentSchemas", "else", "if", "items", "not", "oneOf", "patternProperties",
        "prefixItems", "properties", "propertyNames", "then",
    }),
    "unevaluated": frozenset({"unevaluatedItems", "unevaluatedProperties"}),
    "validation": frozenset({
        "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum",
        "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains",
        "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "required",
        "type", "uniqueItems",
    }),
}  # fmt: skip
"""Keywords by the last step of their vocabulary's URI."""
_SINCE_2019 = {
    "dependentRequired", "dependentSchemas", "maxContains", "minContains", "unevaluatedItems",
    "unevaluatedProperties",
}  # fmt: skip
_SINCE_7 = {"else", "if", "then"}
_SINCE_6 = {"const", "contains", "propertyNames"}
_AFTER_7 = _SINCE_2019 | {"$dynamicRef", "$recursiveRef", "prefixItems"}
MEANINGLESS = {
    DRAFTS[0]: frozenset({"$recursiveRef", "additionalItems"}),
    DRAFTS[1]: frozenset({"$dynamicRef", "prefixItems"}),
    DRAFTS[2]: frozenset(_AFTER_7),
    DRAFTS[3]: frozenset(_AFTER_7 | _SINCE_7),
    DRAFTS[4]: frozenset(_AFTER_7 | _SINCE_7 | _SINCE_6),
}
"""Keywords of other drafts, which say nothing in a draft."""
_MOVED = frozenset({"additionalItems", "dependencies", "items"})
"""Keywords whose subschemas stand elsewhere in a newer draft."""
_SPELLINGS = {
    **{draft.partition(":")[2]: draft for draft in DRAFTS},
    "//json-schema.org/schema": DEFAULT_DRAFT,
}
"""Drafts by their URI without its scheme, which many write wrongly; and the newest's alias."""

INERT_BESIDE_REF = frozenset().union(*_VOCABULARIES.values()) | {"dependencies", "format"}
"""Keywords that say nothing beside a `$ref` in drafts where that stands alone."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A draft, without the keywords that its metaschema leaves out."""

    draft: str = DEFAULT_DRAFT
    left_out: frozenset[str] = frozenset()

    @property
    def id_keyword(self) -> str:
        """The keyword that names a resource."""
        return "id" if self.draft == _DRAFT_4 else "$id"

    def is_ref_alone(self, schema: Mapping[str, Any]) -> bool:
        """Whether a schema is a reference that hides what stands beside it."""
        return self.draft in REF_STANDS_ALONE and isinstance(schema.get("$ref"), str)


def find_draft(uri: str) -> str | None:
    """The draft that a `$schema` names, None if it names none."""
    return _SPELLINGS.get(uri.rstrip("#").partition(":")[2])


def make_dialect(metaschema: Any) -> Dialect | None:
    """The dialect that a metaschema describes, None if it is made of no known draft."""
    if not isinstance(metaschema, dict) or not isinstance(metaschema.get("$schema"), str):
        return None
    if (draft := find_draft(metaschema["$schema"])) is None:
        return None
    listed = metaschema.get("$vocabulary")
    if not isinstance(listed, dict):
        return Dialect(draft)
    names = {uri.rpartition("/")[2] for uri in listed}
    missing = (words for name, words in _VOCABULARIES.items() if name not in names)
    return Dialect(draft, frozenset().union(*missing))


def newest(drafts: set[str]) -> str:
    """The newest of some drafts."""
    return min(drafts, key=DRAFTS.index)


def stays(keyword: str | int) -> bool:
    """Whether what stands under a keyword stands there in every draft."""
    return keyword not in _MOVED


def upgrade(schema: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """One schema object, without what is inside of it, in the terms of a newer draft."""
    if old == new:
        return schema
    result = dict(schema)
    if old == _DRAFT_4:
        _upgrade_limits(result)
    if new not in REF_STANDS_ALONE:
        _split_dependencies(result)
    if new == _DRAFT_2020:
        _rename_items(result)
    return result


def _upgrade_limits(schema: dict[str, Any]) -> None:
    for limit in ("minimum", "maximum"):
        exclusive = f"exclusive{limit.capitalize()}"
        if schema.pop(exclusive, False) is True and limit in schema:
            schema[exclusive] = schema.pop(limit)


def _split_dependencies(schema: dict[str, Any]) -> None:
    given = schema.pop("dependencies", None)
    for name, value in given.items() if isinstance(given, dict) else ():
        keyword = "dependentRequired" if isinstance(value, list) else "dependentSchemas"
        schema[keyword] = {**schema.get(keyword, {}), name: value}


def _rename_items(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("items"), list):
        schema["prefixItems"] = schema.pop("items")
        if "additionalItems" in schema:
            schema["items"] = schema.pop("additionalItems")
    schema.pop("additionalItems", None)
