"""YAML read as JSON: PyYAML's nodes give the places, the scalars follow YAML 1.2's core schema.

So `no` and `2020-01-01` are strings, and keys are always strings. Aliases and merge keys (`<<`) are
followed, as other readers do; what they bring has its place where it is written.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, TypeAlias

from pgmqgen.errors import ConfigError
from pgmqgen.numbers import read_number
from pgmqgen.schema.text import MAX_DEPTH, Place, Pointer, Problem, check_size, duplicate_key

try:
    import yaml
except ImportError as error:
    raise ConfigError(
        "YAML schemas need PyYAML, which is not installed", hint="install pgmqgen[codegen]"
    ) from error

_TAG = "tag:yaml.org,2002:"
_COLLECTIONS = (f"{_TAG}map", f"{_TAG}seq", "!")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_HINTS = {
    "found character '\\t'": "indent with spaces",
    "mapping values are not allowed": "put a text that has `: ` in it in quotes, or indent the line",
    "expected <block end>": "indent the line like those beside it",
}
"""What to do about an error, by the beginning of PyYAML's message."""
Pair: TypeAlias = tuple[yaml.Node, yaml.Node]


class _Loader(yaml.SafeLoader):
    """Composes nodes and leaves every plain scalar to this module."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute


def parse_yaml(
    text: str, keys: dict[Pointer, Place], values: dict[Pointer, Place]
) -> tuple[Any, list[Problem]]:
    """Return the value and its doubtful places. Raises Problem at a syntax error."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark) if error.problem_mark else Place(1, 1)
        message = error.problem or "not YAML"
        hint = next((hint for start, hint in _HINTS.items() if message.startswith(start)), None)
        raise Problem("PGQ001", place, message, hint) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Problem("PGQ001", Place(1, 1), f"not YAML: {error}") from error
    if node is None:
        raise Problem("PGQ001", Place(1, 1), "expected a value, got the end")
    reader = _Reader(keys, values)
    return reader.read(node, ()), reader.problems


class _Reader:
    def __init__(self, keys: dict[Pointer, Place], values: dict[Pointer, Place]) -> None:
        self._keys, self._values = keys, values
        self._merged = 0  # keys behind `<<`, counting them each time
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node, pointer: Pointer) -> Any:
        self._values[pointer] = _place(node.start_mark)
        check_size(len(self._values), self._values[pointer])
        if len(pointer) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels, or an alias inside its own anchor"
            raise Problem("PGQ001", _place(node.start_mark), message)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            raise _tag_problem(node)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, pointer)
            case yaml.SequenceNode():
                return [self.read(item, (*pointer, i)) for i, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node)
            case _:
                raise Problem("PGQ001", _place(node.start_mark), "expected a value")

    def _mapping(self, node: yaml.MappingNode, pointer: Pointer) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node):
            place = _place(key_node.start_mark)
            key = key_node.value
            if key in result:
                self.problems.append(duplicate_key(key, place, self._keys[(*pointer, key)]))
            self._keys[(*pointer, key)] = place
            result[key] = self.read(value_node, (*pointer, key))
        return result

    def _pairs(self, node: yaml.MappingNode, level: int = 0) -> list[Pair]:
        """The keys of a mapping, among them those that `<<` brings and that nothing before it sets."""
        if level > MAX_DEPTH:
            message = f"merged deeper than {MAX_DEPTH} levels, or into itself"
            raise Problem("PGQ001", _place(node.start_mark), message)
        seen = {_key(key) for key, _ in node.value}
        pairs: list[Pair] = []
        for key, value in node.value:
            if not _is_merge(key):
                pairs.append((key, value))
                continue
            for other in _merged_mappings(value):
                inside = self._pairs(other, level + 1)
                pairs += [pair for pair in inside if _key(pair[0]) not in seen]
                seen.update(_key(each) for each, _ in inside)
        if level:
            self._merged += 1 + len(pairs)
            check_size(self._merged, _place(node.start_mark))
        return pairs


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise Problem("PGQ001", _place(node.start_mark), "expected a text as the key")
    return str(node.value)


def _is_merge(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None


def _merged_mappings(node: yaml.Node) -> list[yaml.MappingNode]:
    """What stands behind `<<`: a mapping, or a list of them of which the first goes first."""
    nodes: list[yaml.Node] = node.value if isinstance(node, yaml.SequenceNode) else [node]
    mappings: list[yaml.MappingNode] = []
    for each in nodes:
        if not isinstance(each, yaml.MappingNode):
            message = "`<<` merges a mapping, or a list of them"
            raise Problem("PGQ001", _place(each.start_mark), message)
        mappings.append(each)
    return mappings


def _scalar(node: yaml.ScalarNode) -> Any:
    plain = node.style is None and node.tag == f"{_TAG}str"
    if not plain and node.tag not in (f"{_TAG}str", "!"):
        raise _tag_problem(node)
    if not plain:
        return node.value
    if node.value in _WORDS:
        return _WORDS[node.value]
    if _NUMBER.match(node.value):
        return _number(node)
    return node.value


def _tag_problem(node: yaml.Node) -> Problem:
    return Problem("PGQ001", _place(node.start_mark), f"the tag `{node.tag}` is not JSON")


def _number(node: yaml.ScalarNode) -> int | float | Decimal:
    try:
        return read_number(node.value)
    except ValueError as error:
        raise Problem("PGQ001", _place(node.start_mark), str(error)) from error


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)
