"""An `$id` or anchor that two schemas have, and what looks like one and is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.linting import find_diagnostics

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}


def _find(folder: Path, **files: Any) -> list[str]:
    found = find_diagnostics(folder, **files)
    return [f"{each.path}:{each.column} {each.message}" for each in found if each.code == "PGQ204"]


def test_id_of_two_files(tmp_path: Path) -> None:
    q = {"properties": {"a": {"$ref": "urn:a"}, "b": {"$ref": "shared/b.json"}}, "type": "object"}
    found = _find(
        tmp_path,
        q=q,
        shared__a={"$id": "urn:a", "type": "string"},
        shared__b={"type": "number", "$id": "urn:a"},
    )
    message = "the `$id` `urn:a` also names another schema, at `schemas/shared/a.json:1:9`"
    assert found == [f"schemas/shared/b.json:27 {message}"]


@pytest.mark.parametrize(
    ("schema", "place", "first", "named"),
    [
        ({"$defs": {"a": {"$id": "urn:a"}, "b": {"$id": "urn:a", **_TEXT}}},
         '"urn:a", "type"', '"urn:a"', "`$id` `urn:a`"),
        ({"$id": "urn:a", "$defs": {"a": {"$id": "urn:a"}}}, '"urn:a"}', '"urn:a"', "`$id` `urn:a`"),
        ({"$schema": _DRAFT_4, "id": "urn:a", "definitions": {"a": {"id": "urn:a"}}},
         '"urn:a"}', '"urn:a"', "`id` `urn:a`"),
        ({"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x", **_TEXT}}},
         '"x", "type"', '{"$anchor"', "anchor `x`"),
        ({"$defs": {"a": {"$dynamicAnchor": "x"}, "b": {"$anchor": "x", **_TEXT}}},
         '"x", "type"', '{"$dynamicAnchor"', "anchor `x`"),
        ({"$schema": _DRAFT_7, "definitions": {"a": {"$id": "#x"}, "b": {"$id": "#x", **_TEXT}}},
         '"#x", "type"', '{"$id"', "anchor `x`"),
    ],
)  # fmt: skip
def test_twice_in_one_file(tmp_path: Path, schema: Any, place: str, first: str, named: str) -> None:
    column, other = (json.dumps(schema).index(text) + 1 for text in (place, first))
    where = f"at `schemas/q.json:1:{other}`"
    assert _find(tmp_path, q=schema) == [
        f"schemas/q.json:{column} the {named} also names another schema, {where}"
    ]


def test_path_of_another_file(tmp_path: Path) -> None:
    inner = {"$defs": {"b": {"$id": "b.json", **_TEXT}}}
    message = "the `$id` `b.json` also names another schema, at `schemas/b.json:1:1`"
    assert _find(tmp_path, a=inner, b=_NUMBER) == [f"schemas/a.json:25 {message}"]


def test_vendored_copy_that_differs(tmp_path: Path) -> None:
    (tmp_path / "vendored").mkdir()
    url = "https://example.com/a.json"
    (tmp_path / "vendored" / "a.json").write_text(json.dumps({"$id": url, **_NUMBER}))
    schemas = {"q": {"$ref": url}, "r": {"$id": url, **_TEXT}}
    (tmp_path / "pgmqgen.toml").write_text('[vendored]\n"https://example.com/" = "vendored"')
    (found,) = _find(tmp_path, **schemas)
    assert found.startswith("schemas/r.json:9 ")
    assert found.endswith("at `vendored/a.json:1:9`")


@pytest.mark.parametrize(
    "files",
    [
        {"q": {"$ref": "urn:a", "$defs": {"a": {"$id": "urn:a", **_TEXT}}}, "r": {**_TEXT, "$id": "urn:a"}},
        {"q": {"$defs": {"a": {"$schema": _DRAFT_7, "$id": "urn:a", **_TEXT}}},
         "r": {"$schema": _DRAFT_7, "$id": "urn:a", **_TEXT}},
        {"q": {"$id": "urn:a", "enum": [{"$id": "urn:a"}], "const": {"$id": "urn:a"},
               "default": {"$id": "urn:a"}, "examples": [{"$id": "urn:a"}]}},
        {"q": {"$id": "urn:a", "properties": {"$id": {"const": "urn:a"}, "$anchor": _TEXT}}},
        {"q": {"$schema": _DRAFT_7, "$id": "urn:a",
               "properties": {"x": {"$ref": "#/definitions/a", "$id": "urn:a"}}, "definitions": {"a": _TEXT}}},
        {"q": {"$id": "urn:a", "$schema": _DRAFT_4, "id": "urn:b"}, "r": {"$id": "urn:a"}, "s": {"id": "urn:a"}},
        {"q": {"$schema": _DRAFT_7, "$id": "urn:a", "definitions": {"a": {"$id": "urn:a#x"}}}},
        {"q": {"$schema": _DRAFT_7, "definitions": {"a": {"$anchor": "x"}, "b": {"$anchor": "x", **_TEXT}}}},
        {"q": {"$defs": {"a": {"$anchor": "x"}, "b": {"$id": "urn:b", "$anchor": "x", **_TEXT}}}},
        {"q": {"$defs": {"a": {"$anchor": "x", "$dynamicAnchor": "x"}, "b": {"$anchor": "y"}}}},
        {"q": {"$id": "q.json"}, "r": {"$id": "r.json"}},
    ],
)  # fmt: skip
def test_what_is_all_right(tmp_path: Path, files: Any) -> None:
    assert _find(tmp_path, **files) == []


def test_one_file_under_two_prefixes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = json.dumps({"$id": "https://one.example/a.json", **_NUMBER}, indent=len(folder))
        (tmp_path / folder / "a.json").write_text(text)
    (tmp_path / "pgmqgen.toml").write_text(
        '[vendored]\n"https://one.example/" = "one"\n"https://two.example/" = "two"'
    )
    parts = [{"$ref": f"https://{name}.example/a.json"} for name in ("one", "two")]
    assert _find(tmp_path, q={"allOf": parts}) == []
