"""Hostile and broken schema files: each ends in a diagnostic, in bounded time and memory."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgmqgen.codegen.plan import plan
from pgmqgen.codegen.render import render
from pgmqgen.config import load_config
from pgmqgen.errors import PgmqgenError
from pgmqgen.schema.load import SchemaSet, load

LIMIT_S = 20
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

MERGE_BOMB = "a: &a {title: x}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def _chain(length: int) -> dict[str, Any]:
    links = {
        f"d{i}": {"type": "object", "properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}}
        for i in range(length)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {"type": "string"}}}


def _load(folder: Path, files: dict[str, bytes]) -> SchemaSet:
    (folder / "pgmqgen.toml").touch()
    (folder / "schemas").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "schemas" / name).write_bytes(content)
    begun = time.process_time()
    schemas = load(load_config(folder))
    assert time.process_time() - begun < LIMIT_S
    return schemas


def _only(folder: Path, name: str, content: bytes) -> tuple[str, str]:
    (found,) = _load(folder, {name: content}).diagnostics
    return found.code, found.message


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("a.json", b'{"not":' * 100_000, "PGQ001", "nested deeper than 100 levels"),
        ("a.yaml", b"{a: " * 100_000, "PGQ001", "not YAML: maximum recursion depth exceeded"),
        ("a.json", "{}".encode("utf-16"), "PGQ001", "the file is not UTF-8: byte 0 is `0xff`"),
        ("a.json", b'{"title":\n"\xe4"}', "PGQ001", "the file is not UTF-8: byte 11 is `0xe4`"),
        ("a.yaml", b'a: "\0"', "PGQ001", "not YAML: unacceptable character #x0000"),
        ("a.yaml", BOMB.encode(), "PGQ001", "more than 500000 values"),
        ("a.yaml", MERGE_BOMB.encode(), "PGQ001", "more than 500000 values"),
        ("a.yaml", b"&a [*a]", "PGQ001", "nested deeper than 100 levels, or an alias"),
        ("a.yaml", b"!!python/object/apply:os.getcwd []", "PGQ001", "the tag `tag:yaml.org,2002:python/object/apply:os.getcwd` is not JSON"),
        ("a.json", b'{"maximum": 1e999999999}', "PGQ001", "a number that PostgreSQL's jsonb cannot hold"),
        ("a.json", b'{"maximum": ' + b"9" * 200_000 + b"}", "PGQ001", "a number that PostgreSQL's jsonb cannot hold"),
        ("a.yaml", b"maximum: " + b"9" * 200_000, "PGQ001", "a number that PostgreSQL's jsonb cannot hold"),
        ("a.json", b'{"description": "' + b"x" * 50_000_000 + b'"}', "PGQ001", "the file is larger than 16 MB"),
        ("a.yaml", b"description: " + b"x" * 2_000_000, "PGQ001", "the file is larger than 1 MB"),
        ("a.json", json.dumps({"enum": [0] * 1_000_000}).encode(), "PGQ001", "more than 500000 values"),
    ],
    ids=range(15),
)  # fmt: skip
def test_one_hostile_file(
    tmp_path: Path, name: str, content: bytes, code: str, message: str
) -> None:
    found = _only(tmp_path, name, content)
    assert found[0] == code
    assert found[1].startswith(message)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert _load(tmp_path, {"a.json": b'\xef\xbb\xbf{"type": "string"}'}).diagnostics == ()


def test_large_files_that_are_read(tmp_path: Path) -> None:
    names = {f"p{i}": {"type": "string", "description": "x" * 60} for i in range(20_000)}
    large = json.dumps({"type": "object", "properties": names}).encode()
    assert (
        _load(tmp_path, {"a.json": large, "b.json": json.dumps(_chain(3000)).encode()}).errors == ()
    )


def test_references_through_many_files(tmp_path: Path) -> None:
    around = '{"not": ' * 20 + '{"$ref": "a%d.json"}' + "}" * 20
    files = {f"a{i}.json": (around % (i + 1)).encode() for i in range(60)}
    assert len(_load(tmp_path, {**files, "a60.json": b"{}"}).queues) == 61


def test_links_out_of_the_project(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    (project / "schemas").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.json").write_text('{"const": "secret"}')
    (project / "schemas" / "a.json").symlink_to(outside / "secret.json")
    (project / "schemas" / "folder").symlink_to(outside)
    schemas = _load(project, {"b.json": b'{"$ref": "folder/secret.json"}'})
    assert schemas.queues == ()
    assert [(each.path, each.message) for each in schemas.diagnostics] == [
        ("schemas/a.json", "the file is a link that leads out of the project"),
        ("schemas/folder/secret.json", "the file is a link that leads out of the project"),
    ]


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "schemas" / "folder.json").mkdir(parents=True)
    os.mkfifo(tmp_path / "schemas" / "pipe.json")
    (tmp_path / "schemas" / "loop.json").symlink_to("loop.json")
    (tmp_path / "schemas" / "gone.json").symlink_to("nowhere.json")
    files = {"q.json": b'{"allOf": [{"$ref": "pipe.json"}, {"$ref": "folder.json"}]}'}
    found = _load(tmp_path, files).diagnostics
    assert [(Path(each.path).name, each.code) for each in found] == [
        ("gone.json", "PGQ001"),
        ("loop.json", "PGQ001"),
        ("q.json", "PGQ201"),
        ("q.json", "PGQ201"),
    ]
    assert found[0].message == "the file cannot be read: no such file or directory"


KEYWORDS = (
    "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const",
    "default", "enum", "examples", "format", "items", "maxLength", "maximum", "minLength",
    "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "properties",
    "required", "title", "type", "uniqueItems", "x-pgmq",
)  # fmt: skip
_words = st.sampled_from(
    ["#", "#/$defs/a", "a", "string", "object", "array", "q.json", "(a+)+", "date", "a-b", ""]
)
_leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | _words
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYWORDS) | _words, inner, max_size=4)
    ),
    max_leaves=12,
)
_sound = {
    "type": "object", "required": ["a", "b"], "additionalProperties": False,
    "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"enum": ["x", 1]}},
    "$defs": {"a": {"oneOf": [{"type": "string", "pattern": "^a+$"}, {"type": "null"}]}},
}  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    text = bytearray(json.dumps(_sound, indent=1).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text) - 1))
        text[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=3))
    return bytes(text)


_yaml = st.text(alphabet="ab:-&*!|>{}[],#'\"%@ \n\t0.~<", max_size=60).map(str.encode)
_files = st.one_of(
    st.tuples(st.sampled_from(["q.json", "q.yaml"]), _mutated()),
    st.tuples(st.just("q.json"), _values.map(lambda value: json.dumps(value).encode())),
    st.tuples(st.just("q.yaml"), _yaml),
)


@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "150")),
    deadline=10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(file=_files)
def test_any_file_ends_in_diagnostics(tmp_path: Path, file: tuple[str, bytes]) -> None:
    for old in tmp_path.glob("schemas/*"):
        old.unlink()
    try:
        schemas = _load(tmp_path, dict([file]))
    except PgmqgenError:
        return
    assert schemas.queues or schemas.errors


@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "10")),
    deadline=20_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(properties=st.dictionaries(_words, _values, min_size=1, max_size=3))
def test_what_lints_clean_gives_code(tmp_path: Path, properties: dict[str, Any]) -> None:
    text = json.dumps({"type": "object", "properties": properties}).encode()
    schemas = _load(tmp_path, {"q.json": text})
    if schemas.errors:
        return
    config = load_config(tmp_path)
    for file in render(plan(schemas, config), config.templates):
        if file.path.suffix == ".py":
            compile(file.text, str(file.path), "exec")
