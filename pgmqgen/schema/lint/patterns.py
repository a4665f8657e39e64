"""Regular expressions: whether they compile, travel, and end in time."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import walk
from pgmqgen.schema.lint.rule import Rule, warning
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Place

INVALID = Rule(
    code="PGQ104",
    summary="a pattern that is not a regular expression",
    why="Patterns are regular expressions of ECMA-262, the ones of JavaScript.",
    bad='{\n  "type": "string",\n  "pattern": "^(ord|"\n}',
    good='{\n  "type": "string",\n  "pattern": "^(ord|inv)"\n}',
)
UNPORTABLE = warning(
    "PGQ105",
    "a pattern that other languages read differently",
    "JSON Schema asks for the regular expressions of ECMA-262. Look-behind, atomic groups, "
    "possessive quantifiers, inline flags and some escapes are unknown to JavaScript, Go, Python or "
    "PostgreSQL. `\\d` and `\\w` are not reported: here they are ASCII, as in JavaScript.",
    bad='{\n  "type": "string",\n  "pattern": "^(?i)ord_"\n}',
    good='{\n  "type": "string",\n  "pattern": "^[Oo][Rr][Dd]_"\n}',
)
SLOW = warning(
    "PGQ106",
    "a pattern that gives up on some texts",
    "Patterns run in linear time, but for those with look-around or back-references. Such a pattern "
    "can try a text in so many ways that it reaches the limit, and then the text counts as invalid.",
    bad='{\n  "type": "string",\n  "pattern": "^(a|aa)+\\\\1$"\n}',
    good='{\n  "type": "string",\n  "pattern": "^(a|aa)\\\\1$"\n}',
)
RULES = (INVALID, UNPORTABLE, SLOW)
_UNPORTABLE = (
    (re.compile(r"\(\?<[=!]"), "look-behind"),
    (re.compile(r"\(\?>"), "an atomic group"),
    (re.compile(r"\(\?P[<=>]"), "a group named as in Python"),
    (re.compile(r"\(\?[a-z]+(?:-[a-z]+)?[:)]"), "inline flags"),
    (re.compile(r"(?<!\\)[*+?}]\+"), "a possessive quantifier"),
    (re.compile(r"(?<!\\)\\[AGKQZhz]"), "an escape that is not of ECMA-262"),
)
_POSIX_CLASS = re.compile(r"\[\[:\^?\w+:\]")
_CLASS = re.compile(r"(\\.)|\[(?:\\.|[^\]\\])*\]")
"""What stands in brackets means itself; what is escaped begins no bracket."""
_BACKTRACKS = re.compile(r"\(\?<?[=!]|\\[1-9k]")
"""Only these leave the linear engine."""
_TRIED_LENGTH = 3000
_LIMIT = jsonschema_rs.FancyRegexOptions(backtrack_limit=50_000)


def check(source: Source) -> Iterator[Diagnostic]:
    """Check every pattern of a file."""
    for place, pattern in _find(source):
        if not _compiles(pattern):
            message = f"`{pattern}` is not a regular expression"
            yield INVALID.at(source, place, message, hint="escape special characters with `\\\\`")
            continue
        if name := _find_unportable(pattern):
            message = f"`{pattern}` has {name}, which other languages do not know"
            yield UNPORTABLE.at(source, place, message, hint="write it without")
        if _BACKTRACKS.search(pattern) and _gives_up(pattern):
            message = f"`{pattern}` backtracks too much on a text of {_TRIED_LENGTH} characters"
            hint = "do not repeat what repeats, or limit `maxLength`"
            yield SLOW.at(source, place, message, hint=hint)


def _find(source: Source) -> Iterator[tuple[Place, str]]:
    for pointer, schema in walk(source.value):
        if not isinstance(schema, dict):
            continue
        if isinstance(pattern := schema.get("pattern"), str):
            yield source.place((*pointer, "pattern")), pattern
        named = schema.get("patternProperties")
        for pattern in named if isinstance(named, dict) else ():
            yield source.key_place((*pointer, "patternProperties", pattern)), pattern


def _find_unportable(pattern: str) -> str | None:
    if _POSIX_CLASS.search(pattern):
        return "a POSIX class"
    outside = _CLASS.sub(lambda found: found[1] or "[]", pattern)
    return next((name for each, name in _UNPORTABLE if each.search(outside)), None)


def _compiles(pattern: str) -> bool:
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, validate_formats=True, offline=True)
    except ValueError:
        return False
    return True


def _gives_up(pattern: str) -> bool:
    """Whether the engine reaches its limit on one of the texts that provoke it."""
    validator = jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=_LIMIT)
    characters = {*"a0 ", *filter(str.isalnum, pattern[:64])}
    texts = (char * _TRIED_LENGTH + "!" for char in sorted(characters)[:16])
    errors = (error for text in texts for error in validator.iter_errors(text))
    return any(error.kind.name != "pattern" or "backtrack" in error.message for error in errors)
