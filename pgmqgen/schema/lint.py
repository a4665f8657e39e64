"""What is checked in schema files and queue names: one rule a code.

Syntax (`source`), references (`refs`) and settings (`settings`) are diagnosed where they are
read; RULES lists their codes too, and says which may be switched off.
"""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import MAX_NAME_LENGTH, QueueSettings
from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.keywords import DEFAULT_DRAFT, walk
from pgmqgen.schema.names import RESERVED_MODULES, module_name
from pgmqgen.schema.settings import KEYWORD
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Place, Pointer

RULES = {
    "PGQ001": "the file is not well-formed JSON or YAML",
    "PGQ002": "an object has a key twice",
    "PGQ003": "a schema is an object, true or false",
    "PGQ004": "the schema breaks the rules of JSON Schema",
    "PGQ005": "`$schema` names a draft that pgmqgen does not know",
    "PGQ006": "the schema does not compile",
    "PGQ104": "a pattern is not a regular expression",
    "PGQ201": "a reference leads nowhere",
    "PGQ202": "a reference is remote",
    "PGQ301": "an unknown setting",
    "PGQ302": "a wrong value of a setting",
    "PGQ303": "a setting that is not supported yet",
    "PGQ401": "pgmq refuses the name of the queue",
    "PGQ402": "two files claim one queue",
    "PGQ403": "the queue's module has a reserved name",
    "PGQ404": "two queues have one Python name",
    "PGQ405": "a queue is another's dead-letter queue",
    "PGQ501": "a handler has no queue",
}
"""Every code, and what it finds."""
IGNORABLE = frozenset({"PGQ002", "PGQ501"})
"""Codes that [lint] ignore may switch off: output can be generated all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A queue as a file declares it, be its schema sound or not."""

    source: Source
    name: str
    settings: QueueSettings | None

    @property
    def place(self) -> Place:
        """Where the name comes from: the key `queue`, else the file itself."""
        pointer = (KEYWORD, "queue")
        return self.source.values.get(pointer, Place(1, 1))


def lint_source(source: Source, dialect: Dialect | None) -> Iterator[Diagnostic]:
    """Check one file, be it a queue's or a shared one; None if its `$schema` is unknown."""
    yield from source.diagnostics
    if not source.parsed:
        return
    if not isinstance(source.value, dict | bool):
        yield _no_schema(source)
    elif dialect is None:
        yield _unknown_draft(source)
    else:
        yield from _check_metaschema(source, dialect.draft)
    yield from _check_patterns(source)


def lint_names(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    """Check the names of all queues, also against each other."""
    for rule in _NAME_RULES:
        yield from rule(declarations)


def lint_bundle(source: Source, schema: Any) -> Iterator[Diagnostic]:
    """Compile a bundled schema, as the worker will."""
    try:
        jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        message = f"the schema does not compile: {str(error).splitlines()[0]}"
        yield source.diagnose((), "PGQ006", message)


def is_ignored(diagnostic: Diagnostic, ignored: Sequence[str]) -> bool:
    """Whether [lint] ignore switches a diagnostic off."""
    return diagnostic.code in IGNORABLE and ("*" in ignored or diagnostic.code in ignored)


def _no_schema(source: Source) -> Diagnostic:
    message = f"expected a schema, got {_json_kind(source.value)}"
    return source.diagnose((), "PGQ003", message, hint="a schema is an object, true or false")


def _unknown_draft(source: Source) -> Diagnostic:
    message = f"unknown draft `{source.value['$schema']}`"
    hint = f'write "$schema": "{DEFAULT_DRAFT}", or keep a copy of the metaschema in [vendored]'
    return source.diagnose(("$schema",), "PGQ005", message, hint=hint)


def _check_metaschema(source: Source, draft: str) -> Iterator[Diagnostic]:
    for error in _metaschema(draft).iter_errors(source.value):
        pointer = tuple(error.instance_path)
        yield source.diagnose(pointer, "PGQ004", _explain(pointer, error))


@cache
def _metaschema(draft: str) -> jsonschema_rs.Validator:
    reference = draft if draft.startswith("https") else f"{draft}#"
    return jsonschema_rs.validator_for({"$schema": reference, "$ref": reference}, offline=True)


def _explain(pointer: Pointer, error: jsonschema_rs.ValidationError) -> str:
    if pointer[-1:] == ("type",):
        names = "array, boolean, integer, null, number, object or string"
        return f"`type`: expected {names}, got {error.message.split(' is not valid')[0]}"
    return f"`{'.'.join(map(str, pointer)) or 'schema'}`: {error.message}"


def _check_patterns(source: Source) -> Iterator[Diagnostic]:
    for pointer, schema in walk(source.value):
        if not isinstance(schema, dict):
            continue
        if isinstance(pattern := schema.get("pattern"), str) and not _compiles(pattern):
            yield _wrong_pattern(source, source.place((*pointer, "pattern")), pattern)
        named = schema.get("patternProperties")
        for pattern in named if isinstance(named, dict) else ():
            if not _compiles(pattern):
                place = source.key_place((*pointer, "patternProperties", pattern))
                yield _wrong_pattern(source, place, pattern)


def _wrong_pattern(source: Source, place: Place, pattern: str) -> Diagnostic:
    message = f"`{pattern}` is not a regular expression"
    hint = "escape special characters with `\\\\`"
    return source.diagnose(place, "PGQ104", message, hint=hint)


def _compiles(pattern: str) -> bool:
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, validate_formats=True, offline=True)
    except ValueError:
        return False
    return True


def _check_pgmq_names(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for declared in declarations:
        problem = _name_problem(declared.name)
        if problem is None and declared.settings:
            problem = _name_problem(declared.settings.dlq)
            problem = problem and (f"dead-letter queue: {problem[0]}", problem[1])
        if problem:
            message, hint = problem
            yield declared.source.diagnose(declared.place, "PGQ401", message, hint=hint)


def _name_problem(name: str) -> tuple[str, str] | None:
    # PostgreSQL counts bytes where it cuts a table's name.
    if (length := len(name.encode())) > MAX_NAME_LENGTH:
        message = f"the name `{name}` has {length} bytes, and pgmq allows {MAX_NAME_LENGTH}"
        return message, "set a shorter name with `queue` or `dead_letter_queue` in `x-pgmq`"
    if name != name.lower():
        message = f"the name `{name}` has capitals, which pgmq turns into small letters"
        return message, f'rename the file, or set "queue": "{name.lower()}" in `x-pgmq`'
    if refused := re.search(r"\$|;|--|'", name):
        message = f"pgmq refuses the name `{name}` because of `{refused[0]}`"
        return message, "use letters, digits and underscores"
    if not name.strip() or re.search(r"[\x00-\x1f\"\\/]", name):
        return f"`{name}` cannot be the name of a queue", "use letters, digits and underscores"
    return None


def _check_claims(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for name, claims in _group(declarations, lambda declared: declared.name):
        for first, second in pairwise(claims):
            message = (
                f"`{second.source.label}` and `{first.source.label}` both claim queue `{name}`"
            )
            hint = "rename one, or give it another `queue` in `x-pgmq`"
            yield second.source.diagnose(second.place, "PGQ402", message, hint=hint)


def _check_reserved(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for declared in declarations:
        module = module_name(declared.name)
        if module in RESERVED_MODULES or keyword.iskeyword(module) or module.startswith("__"):
            message = f"`{module}` cannot be a queue's module: the name is reserved"
            hint = f"rename it, for example to `{module.strip('_')}_queue`"
            yield declared.source.diagnose(declared.place, "PGQ403", message, hint=hint)


def _check_collisions(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for module, group in _group(declarations, lambda declared: module_name(declared.name)):
        for first, second in pairwise(group):
            if first.name != second.name:
                message = f"queues `{first.name}` and `{second.name}` both become `{module}`"
                hint = f"rename one, for example to `{module}_2`"
                yield second.source.diagnose(second.place, "PGQ404", message, hint=hint)


def _check_dead_letters(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    owners = {d.settings.dlq: d for d in reversed(declarations) if d.settings}
    for declared in declarations:
        if owner := owners.get(declared.name):
            message = f"queue `{declared.name}` is the dead-letter queue of `{owner.name}`"
            hint = f"set another `dead_letter_queue` in the `x-pgmq` of `{owner.source.label}`"
            yield declared.source.diagnose(declared.place, "PGQ405", message, hint=hint)


def _group(
    declarations: Sequence[Declaration], key: Callable[[Declaration], str]
) -> list[tuple[str, list[Declaration]]]:
    groups: dict[str, list[Declaration]] = defaultdict(list)
    for declared in declarations:
        groups[key(declared)].append(declared)
    return sorted(groups.items())


def _json_kind(value: Any) -> str:
    names = {"str": "a string", "list": "an array", "NoneType": "null"}
    return names.get(type(value).__name__, "a number")


_NAME_RULES = (
    _check_pgmq_names,
    _check_claims,
    _check_reserved,
    _check_collisions,
    _check_dead_letters,
)
