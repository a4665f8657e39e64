"""Parsing schema files: the same values as the standard parsers, and every place right."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.errors import ConfigError
from pgmqgen.numbers import write_json
from pgmqgen.schema.json_text import JsonParser
from pgmqgen.schema.source import Source, read_source
from pgmqgen.schema.text import Place, Pointer, Problem

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def _parse(text: str) -> tuple[Any, dict[Pointer, Place], dict[Pointer, Place]]:
    keys: dict[Pointer, Place] = {}
    values: dict[Pointer, Place] = {}
    value, problems = JsonParser(text, keys, values).parse()
    assert problems == []
    return value, keys, values


def _read(folder: Path, content: str | bytes, name: str = "q.json") -> Source:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_source(path, root=folder)


@given(JSON, st.sampled_from([None, 1, 3]), st.booleans())
def test_values_are_those_of_the_standard_parser(
    value: Any, indent: int | None, flat: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=flat)
    assert json.dumps(_parse(text)[0]) == json.dumps(value)


@given(JSON, st.integers(0, 40))
def test_places_point_at_their_values(value: Any, cut: int) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    lines = text.split("\n")
    _, keys, values = _parse(text)
    for pointer, place in values.items():
        rest = lines[place.line - 1][place.column - 1 :]
        target = value
        for step in pointer:
            target = target[step]
        assert rest.startswith(json.dumps(target, ensure_ascii=False)[:1])
    for pointer, place in keys.items():
        rest = lines[place.line - 1][place.column - 1 :]
        assert rest.startswith(json.dumps(pointer[-1], ensure_ascii=False))


@given(JSON, st.data())
def test_a_text_cut_short_is_a_problem_or_a_value(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        expected = json.loads(cut)
    except json.JSONDecodeError:
        with pytest.raises(Problem):
            _parse(cut)
    else:
        # What is left of a number may be one that no double holds.
        assert json.dumps(json.loads(write_json(_parse(cut)[0]))) == json.dumps(expected)


_NO_COMMENTS = "JSON has no comments: remove it, or write YAML"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("", "1:1", "expected a value, got the end", None),
        ('{"a": 1,\n}', "1:8", "trailing comma before `}`", "remove the comma"),
        ("[1,]", "1:3", "trailing comma before `]`", "remove the comma"),
        ('{"a" 1}', "1:6", "expected `:` after the key `a`, got `1`", None),
        ('{\n  "a": 1\n  "b": 2}', "3:3", 'expected `,` or `}`, got `"`', None),
        ("{a: 1}", "1:2", 'expected a key in `"`, got `a`', 'put text in `"`'),
        ('{"a": strng}', "1:7", "expected a value, got `strng`", 'put text in `"`'),
        ('{"a": NaN}', "1:7", "expected a value, got `NaN`", 'put text in `"`'),
        ('{"a": 01}', "1:8", "expected `,` or `}`, got `1`", None),
        ('{"a": 1e131072}', "1:7", "a number that PostgreSQL's jsonb cannot hold", None),
        ('{"a": "x\n"}', "1:9", "in a string: invalid control character at", None),
        ('{"a": "x', "1:7", "in a string: unterminated string starting at", None),
        ('{"a": "\\q"}', "1:8", "in a string: invalid \\escape", None),
        ('{"a": "\\ud800"}', "1:7", "a lone surrogate", None),
        ("{} {}", "1:4", "expected the end of the file, got `{`", None),
        ("[" * 102 + "]" * 102, "1:102", "nested deeper than 100 levels", None),
        ("// x\n{}", "1:1", "expected a value, got `//`", _NO_COMMENTS),
        ('{"a": 1, # x\n"b": 2}', "1:10", 'expected a key in `"`, got `#`', _NO_COMMENTS),
        ('{"a": /* x */ 1}', "1:7", "expected a value, got `/*`", _NO_COMMENTS),
    ],
)
def test_broken_json(tmp_path: Path, text: str, place: str, message: str, hint: str | None) -> None:
    source = _read(tmp_path, text)
    (found,) = source.diagnostics
    assert f"{found.path}:{found.line}:{found.column}" == f"q.json:{place}"
    assert found.code == "PGQ001"
    assert message in found.message
    assert found.hint == hint
    assert not source.parsed


def test_not_utf8(tmp_path: Path) -> None:
    (found,) = _read(tmp_path, b'{"a": "\xff"}').diagnostics
    assert found.message == "the file is not UTF-8: byte 7 is `0xff`"


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    source = _read(tmp_path, b"\xef\xbb\xbf{}")
    assert source.value == {}
    assert source.diagnostics == ()


@pytest.mark.parametrize("name", ["q.json", "q.yaml"])
def test_duplicate_keys(tmp_path: Path, name: str) -> None:
    source = _read(tmp_path, '{"a": 1,\n "b": {"c": 1,\n  "c": 2}}', name)
    (found,) = source.diagnostics
    assert (found.line, found.column, found.code) == (3, 3, "PGQ002")
    assert found.message == "duplicate key `c`"
    assert found.hint == "it is already set in line 2: keep one"
    assert source.value == {"a": 1, "b": {"c": 2}}


def test_yaml_is_read_as_json(tmp_path: Path) -> None:
    text = "a: no\nb: 2020-01-01\nc: [1, 1.5, true, null, ~, '1', 0o17, 1e3]\non: x\n7: y\nd: &x {e: 1}\nf: *x\n"
    source = _read(tmp_path, text, "q.yml")
    assert source.diagnostics == ()
    assert source.value == {
        "a": "no",
        "b": "2020-01-01",
        "c": [1, 1.5, True, None, None, "1", "0o17", 1000.0],
        "on": "x",
        "7": "y",
        "d": {"e": 1},
        "f": {"e": 1},
    }
    assert source.place(("d", "e")) == Place(6, 11)
    assert source.key_place(("on",)) == Place(4, 1)


def test_yaml_merges(tmp_path: Path) -> None:
    text = """\
x: &x {a: 1, b: 2}
y: &y {<<: *x, b: 3, "<<": 4}
last: {<<: [*x, {c: 5, b: 6}], d: 7}
"""
    source = _read(tmp_path, text, "q.yaml")
    assert source.diagnostics == ()
    assert source.value["y"] == {"a": 1, "b": 3, "<<": 4}
    assert [*source.value["last"].items()] == [("a", 1), ("b", 2), ("c", 5), ("d", 7)]
    assert source.key_place(("y", "a")) == source.key_place(("x", "a")) == Place(1, 8)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: [1\nb: 2", "2:2", "expected ',' or ']'"),
        ("a: &x [*x]", "1:4", "an alias inside its own anchor"),
        ("a: !!binary x", "1:4", "the tag `tag:yaml.org,2002:binary` is not JSON"),
        ("<<: [{}, 1]", "1:10", "`<<` merges a mapping, or a list of them"),
        ("a: &x {<<: *x}", "1:4", "merged deeper than 100 levels, or into itself"),
        ("? [a]\n: 1", "1:3", "expected a text as the key"),
        ("", "1:1", "expected a value, got the end"),
        ("a: 1e131072", "1:4", "a number that PostgreSQL's jsonb cannot hold"),
        ("a: 1\n---\nb: 2", "2:1", "but found another document"),
    ],
)
def test_broken_yaml(tmp_path: Path, text: str, place: str, message: str) -> None:
    (found,) = _read(tmp_path, text, "q.yaml").diagnostics
    assert message in found.message
    assert found.code == "PGQ001"
    assert f"{found.line}:{found.column}" == place


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 1", "indent with spaces"),
        ("a: b: c", "put a text that has `: ` in it in quotes, or indent the line"),
        ("a:\n  b: 1\n   c: 2", "put a text that has `: ` in it in quotes, or indent the line"),
        ("a:\n  b: {}\n   c: 2", "indent the line like those beside it"),
        ("a: {", None),
    ],
)
def test_hints_of_broken_yaml(tmp_path: Path, text: str, hint: str | None) -> None:
    (found,) = _read(tmp_path, text, "q.yaml").diagnostics
    assert found.hint == hint


def test_yaml_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pgmqgen.schema.yaml_text", raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, "a: 1", "q.yaml")
    assert caught.value.hint == "install pgmqgen[codegen]"
