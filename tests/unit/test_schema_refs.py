"""Bundling: one self-contained schema with the verdicts of the files that it came from."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pgmqgen.config import load_config
from pgmqgen.schema.load import QueueSchema, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pgmqgen.toml").touch()
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    return tmp_path


def _write(folder: Path, **files: Any) -> None:
    for name, schema in files.items():
        (folder / "schemas" / f"{name.replace('__', '/')}.json").write_text(json.dumps(schema))


def _bundle(folder: Path, name: str = "q") -> Any:
    schemas = load(load_config(folder))
    assert schemas.errors == ()
    return _find(schemas.queues, name).schema


def _find(queues: tuple[QueueSchema, ...], name: str) -> QueueSchema:
    return next(queue for queue in queues if queue.name == name)


def _accepts(schema: Any, value: Any) -> bool:
    return jsonschema_rs.validator_for(schema, offline=True).is_valid(value)


def _diagnose(folder: Path) -> list[str]:
    found = load(load_config(folder)).diagnostics
    return [f"{item.path}:{item.line}:{item.column} {item.code} {item.message}" for item in found]


def test_files_pointers_and_recursion(folder: Path) -> None:
    _write(
        folder,
        q={
            "type": "object",
            "properties": {
                "a": {"$ref": "shared/types.json#/$defs/tree"},
                "b": {"$ref": "#/$defs/own"},
                "c": {"$ref": "#"},
            },
            "$defs": {"own": {"type": "integer"}},
            "x-pgmq": {"timeout": 3},
        },
        shared__types={
            "$id": "https://example.com/types.json",
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "tree": {
                    "type": "object",
                    "properties": {
                        "leaf": {"$ref": "leaf.json"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                    },
                }
            },
        },
        shared__leaf={"type": "string"},
    )
    schema = _bundle(folder)
    assert list(schema["$defs"]) == ["own", "tree", "leaf"]
    assert "x-pgmq" not in schema
    assert _accepts(schema, {"a": {"children": [{"leaf": "x"}]}, "b": 1, "c": {"b": 2}})
    assert not _accepts(schema, {"a": {"children": [{"leaf": 1}]}})
    assert not _accepts(schema, {"b": "x"})
    assert not _accepts(schema, {"c": {"b": "x"}})


def test_names_do_not_collide(folder: Path) -> None:
    _write(
        folder,
        q={
            "properties": {
                "a": {"$ref": "shared/money.json"},
                "b": {"$ref": "shared/more.json#/$defs/Money"},
                "c": {"$ref": "#/$defs/money"},
            },
            "$defs": {"money": {"type": "null"}},
        },
        shared__money={"type": "integer"},
        shared__more={"$defs": {"Money": {"type": "string"}}},
    )
    schema = _bundle(folder)
    assert list(schema["$defs"]) == ["money", "money_2", "Money_3"]
    assert _accepts(schema, {"a": 1, "b": "x", "c": None})
    assert not _accepts(schema, {"a": "x"})
    assert not _accepts(schema, {"b": 1})


def test_another_queue_and_back(folder: Path) -> None:
    _write(
        folder,
        q={"properties": {"p": {"$ref": "other.json"}}, "type": "object"},
        other={
            "x-pgmq": {"timeout": 1},
            "properties": {"q": {"$ref": "q.json"}, "n": {"type": "null"}},
        },
    )
    schema = _bundle(folder)
    assert "x-pgmq" not in json.dumps(schema)
    assert _accepts(schema, {"p": {"q": {"p": {"n": None}}}})
    assert not _accepts(schema, {"p": {"q": {"p": {"n": 1}}}})
    assert not _accepts(schema, {"p": {"q": 1}})


def test_anchors_become_pointers(folder: Path) -> None:
    _write(
        folder,
        q={
            "properties": {"a": {"$ref": "#x"}, "b": {"$ref": "shared/s.json#y"}},
            "$defs": {"n": {"$anchor": "x", "type": "null"}},
        },
        shared__s={"$defs": {"z": {"$anchor": "y", "type": "string"}}},
    )
    schema = _bundle(folder)
    assert "$anchor" not in json.dumps(schema)
    assert _accepts(schema, {"a": None, "b": "x"})
    assert not _accepts(schema, {"a": 1})
    assert not _accepts(schema, {"b": 1})


def test_escaped_pointers_and_places_that_are_no_keywords(folder: Path) -> None:
    _write(
        folder,
        q={
            "properties": {
                "a": {"$ref": "#/$defs/a~1b%20c"},
                "b": {"$ref": "#/components/x"},
                "c": {"$ref": "#/allOf/0"},
            },
            "allOf": [{"type": "object"}],
            "$defs": {"a/b c": {"type": "integer"}},
            "components": {"x": {"$ref": "shared/s.json"}},
        },
        shared__s={"type": "string"},
    )
    schema = _bundle(folder)
    assert _accepts(schema, {"a": 1, "b": "x", "c": {}})
    assert not _accepts(schema, {"a": "x"})
    assert not _accepts(schema, {"b": 1})
    assert not _accepts(schema, {"c": 1})


def test_what_only_looks_like_a_reference_is_left_alone(folder: Path) -> None:
    schema = {
        "properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "nowhere.json"}}},
        "examples": [{"$ref": "nowhere.json"}],
    }
    _write(folder, q=schema)
    assert _bundle(folder) == schema


def test_vendored_copies(folder: Path) -> None:
    (folder / "pgmqgen.toml").write_text('[vendored]\n"https://example.com/s/" = "vendor"\n')
    (folder / "vendor").mkdir()
    (folder / "vendor" / "m.json").write_text('{"$defs": {"n": {"type": "null"}}}')
    _write(folder, q={"properties": {"a": {"$ref": "https://example.com/s/m.json#/$defs/n"}}})
    assert not _accepts(_bundle(folder), {"a": 1})


def test_own_id_is_the_file_itself(folder: Path) -> None:
    own = "https://example.com/q.json"
    _write(
        folder,
        q={
            "$id": own,
            "properties": {"a": {"$ref": f"{own}#/$defs/n"}},
            "$defs": {"n": {"type": "null"}},
        },
    )
    schema = _bundle(folder)
    assert "$id" not in schema
    assert not _accepts(schema, {"a": 1})


@pytest.mark.parametrize("ref", ["/schemas/n", "shared/deep/m", "urn:x:o"])
def test_ids_of_files_that_nothing_else_refers_to(folder: Path, ref: str) -> None:
    inner = {"m": {"$id": "deep/m", "type": "null"}, "o": {"$id": "urn:x:o", "type": "null"}}
    _write(
        folder,
        q={"properties": {"a": {"$ref": ref}}},
        shared__s={"$id": "/schemas/n", "type": "null"},
        shared__t={"$defs": inner},
    )
    assert not _accepts(_bundle(folder), {"a": 1})


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("shared/nope.json", "PGQ201 cannot resolve `shared/nope.json`: there is no file `shared/nope.json` beside `q.json`"),
        ("#/$defs/nope", "PGQ201 cannot resolve `#/$defs/nope`: `schemas/q.json` has nothing at `#/$defs/nope`"),
        ("#nope", "PGQ201 cannot resolve `#nope`: `schemas/q.json` has no anchor `nope`"),
        ("shared/s.json#/x", "PGQ201 cannot resolve `shared/s.json#/x`: `schemas/shared/s.json` has nothing at `#/x`"),
        ("shared/s.json#/type", "PGQ201 cannot resolve `shared/s.json#/type`: what `schemas/shared/s.json` has at `#/type` is not a schema"),
        ("../../outside.json", "PGQ201 cannot resolve `../../outside.json`: `../../outside.json` lies outside of the project"),
        ("https://example.com/x.json", "PGQ202 `https://example.com/x.json` is remote, and pgmqgen never fetches schemas"),
        ("urn:x:y", "PGQ202 `urn:x:y` is remote, and pgmqgen never fetches schemas"),
    ],
)  # fmt: skip
def test_references_that_lead_nowhere(folder: Path, ref: str, message: str) -> None:
    (folder.parent / "outside.json").write_text("{}")
    _write(folder, q={"properties": {"a": {"$ref": ref}}}, shared__s={"type": "string"})
    assert _diagnose(folder) == [f"schemas/q.json:1:31 {message}"]


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("#/$defs/Adress", "did you mean `#/$defs/Address`?"),
        ("#/$defs/address", "did you mean `#/$defs/Address`?"),
        ("#/definitions/Address", "did you mean `#/$defs/Address`?"),
        ("#$defs/Address", "did you mean `#/$defs/Address`?"),
        ("Address", "did you mean `#/$defs/Address`?"),
        ("#monney", "did you mean `#money`?"),
        ("#/$defs/Quux", "`schemas/q.json` defines `Address`, `Cash`"),
        ("shared/adress.json", "did you mean `shared/address.json`?"),
        ("shared/address", "did you mean `shared/address.json`?"),
        ("address.json", "did you mean `shared/address.json`?"),
        ("shared/address.json#/$defs/Stret", "did you mean `shared/address.json#/$defs/Street`?"),
        ("shared/address.json#/$defs/a~1c", "did you mean `shared/address.json#/$defs/a~1b`?"),
        ("shared/quux.json", None),
        ("shared/empty.json#/$defs/x", None),
    ],
)  # fmt: skip
def test_what_was_meant_by_a_reference(folder: Path, ref: str, hint: str | None) -> None:
    _write(
        folder,
        q={
            "properties": {"a": {"$ref": ref}},
            "$defs": {"Address": {}, "Cash": {"$anchor": "money"}},
        },
        shared__address={"$defs": {"Street": {}, "a/b": {}}},
        shared__empty={},
    )
    (found,) = load(load_config(folder)).diagnostics
    assert (found.code, found.hint) == ("PGQ201", hint)


def test_so_many_dead_ends_end_in_time(folder: Path) -> None:
    names = [f"name_{number}" for number in range(5_000)]
    _write(
        folder,
        q={
            "properties": {name: {"$ref": f"#/$defs/{name}x"} for name in names},
            "$defs": {name: {} for name in names},
        },
    )
    started = time.process_time()
    found = load(load_config(folder)).diagnostics
    assert [bool(each.hint) for each in found].count(True) == 100
    assert (len(found), time.process_time() - started < 10) == (5_000, True)


_LIST = {
    "$id": "https://example.com/list",
    "type": "array",
    "items": {"$dynamicRef": "#item"},
    "$defs": {"any": {"$dynamicAnchor": "item"}},
}


def test_a_dynamic_reference_means_what_the_way_to_it_says(folder: Path) -> None:
    def list_of(kind: str) -> dict[str, Any]:
        item = {"$dynamicAnchor": "item", "type": kind}
        return {"$id": f"https://example.com/{kind}", "$ref": "list", "$defs": {"own": item}}

    _write(
        folder,
        q={"properties": {"a": {"$ref": "shared/a.json"}, "b": {"$ref": "shared/b.json"}}},
        p={"$ref": "shared/list.json"},
        shared__a=list_of("integer"),
        shared__b=list_of("string"),
        shared__list=_LIST,
    )
    schema = _bundle(folder)
    assert _accepts(schema, {"a": [1], "b": ["x"]})
    assert not _accepts(schema, {"a": ["x"]})
    assert not _accepts(schema, {"b": [1]})
    assert _accepts(_bundle(folder, "p"), [1, "x"])
    assert "dynamic" not in json.dumps(schema)


def test_a_recursive_reference_leads_to_the_outermost_schema(folder: Path) -> None:
    draft = "https://json-schema.org/draft/2019-09/schema"
    tree = {
        "$schema": draft,
        "$recursiveAnchor": True,
        "type": "object",
        "properties": {"children": {"items": {"$recursiveRef": "#"}}},
    }
    strict = {"$schema": draft, "$recursiveAnchor": True, "unevaluatedProperties": False}
    _write(folder, q={**strict, "$ref": "shared/tree.json"}, shared__tree=tree)
    schema = _bundle(folder)
    assert _accepts(schema, {"children": [{"children": []}]})
    assert not _accepts(schema, {"children": [{"childen": []}]})


def test_an_id_inside_a_file_names_what_is_there(folder: Path) -> None:
    part = {"$id": "urn:part", "$anchor": "part", "type": "integer", "$defs": {"a": {"$ref": "#"}}}
    _write(
        folder,
        q={
            "properties": {
                "a": {"$ref": "urn:part"},
                "b": {"$ref": "urn:part#/$defs/a"},
                "c": {"$ref": "https://example.com/elsewhere"},
            },
            "$defs": {"part": part},
        },
        shared__s={"$defs": {"x": {"$id": "https://example.com/elsewhere", "type": "string"}}},
    )
    schema = _bundle(folder)
    assert _accepts(schema, {"a": 1, "b": 2, "c": "x"})
    for wrong in ({"a": "x"}, {"b": "x"}, {"c": 1}):
        assert not _accepts(schema, wrong)
    assert "$id" not in json.dumps(schema)


def test_a_file_with_an_id_still_reaches_its_neighbours(folder: Path) -> None:
    _write(
        folder,
        q={"$id": "https://example.com/q.json", "$ref": "shared/s.json"},
        shared__s={"type": "string"},
    )
    assert not _accepts(_bundle(folder), 1)


def test_files_of_several_drafts_are_said_in_the_newest(folder: Path) -> None:
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://example.com/old",
        "properties": {
            "limit": {"minimum": 1, "exclusiveMinimum": True},
            "pair": {"items": [{"type": "string"}], "additionalItems": False},
            "again": {"$ref": "#/properties/pair/items/0"},
        },
        "dependencies": {"limit": ["pair"], "pair": {"maxProperties": 2}},
    }
    _write(folder, q={"$ref": "shared/old.json", "minProperties": 1}, shared__old=old)
    schema = _bundle(folder)
    assert _accepts(schema, {"limit": 2, "pair": ["x"]})
    assert _accepts(schema, {"again": "x"})
    wrong = [{}, {"limit": 1, "pair": []}, {"limit": 2}, {"pair": ["x", 1]}, {"again": 1}]
    wrong.append({"limit": 2, "pair": [], "more": 1})
    assert not any(_accepts(schema, value) for value in wrong)


@pytest.mark.parametrize(
    ("declared", "draft"),
    [
        ("https://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-07/schema"),
        ("http://json-schema.org/schema#", "https://json-schema.org/draft/2020-12/schema"),
    ],
)
def test_spellings_of_drafts(folder: Path, declared: str, draft: str) -> None:
    _write(folder, q={"$schema": declared, "dependentRequired": {"a": ["b"]}})
    schema = _bundle(folder)
    assert schema["$schema"].rstrip("#") == draft
    assert _accepts(schema, {"a": 1}) == ("draft-07" in draft)


def test_a_metaschema_may_leave_out_a_vocabulary(folder: Path) -> None:
    (folder / "pgmqgen.toml").write_text('[vendored]\n"https://example.com/" = "vendor"\n')
    (folder / "vendor").mkdir()
    core = "https://json-schema.org/draft/2020-12/vocab/"
    listed = {core + "core": True, core + "applicator": True}
    draft = "https://json-schema.org/draft/2020-12/schema"
    meta = {"$schema": draft, "$id": "https://example.com/meta.json", "$vocabulary": listed}
    (folder / "vendor" / "meta.json").write_text(json.dumps(meta))
    properties = {"a": {"type": "string"}, "b": False}
    _write(folder, q={"$schema": "https://example.com/meta.json", "properties": properties})
    schema = _bundle(folder)
    assert _accepts(schema, {"a": 1})
    assert not _accepts(schema, {"b": 1})


def test_problems_of_shared_files_are_reported_there(folder: Path) -> None:
    _write(folder, q={"$ref": "shared/s.json"}, p={"$ref": "shared/s.json"})
    (folder / "schemas" / "shared" / "s.json").write_text('{"type": "strng",\n"a": }')
    assert _diagnose(folder) == ["schemas/shared/s.json:2:6 PGQ001 expected a value, got `}`"]
    (folder / "schemas" / "shared" / "s.json").write_text('{"type": "strng"}')
    (found,) = _diagnose(folder)
    assert found.startswith("schemas/shared/s.json:1:10 PGQ004 `type`: expected array, boolean")
