"""Names: of queues in pgmq and in Python, alone and against each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import MAX_NAME_LENGTH, QueueSettings
from pgmqgen.schema.lint.rule import ORDER, Rule
from pgmqgen.schema.names import allowed_name, is_reserved, module_name
from pgmqgen.schema.settings import KEYWORD
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Place

PGMQ_NAME = Rule(
    code="PGQ401",
    summary="a queue name that pgmq refuses",
    why="A queue's name becomes the name of its tables: 47 bytes at most, no capitals, and the "
    "same for its dead-letter queue.",
    bad={"schemas/OrderPaid.json": '{"type": "object"}'},
    good={"schemas/order_paid.json": '{"type": "object"}'},
)
CLAIMED_TWICE = Rule(
    code="PGQ402",
    summary="two files that claim one queue",
    why="A queue has one schema. Several kinds of messages in one queue are a `oneOf`.",
    bad={
        ORDER: '{"type": "object"}',
        "schemas/paid.json": '{\n  "type": "object",\n  "x-pgmq": {"queue": "order"}\n}',
    },
    good={
        ORDER: '{"type": "object"}',
        "schemas/paid.json": '{"type": "object"}',
    },
)
RESERVED = Rule(
    code="PGQ403",
    summary="a queue whose module has a reserved name",
    why="Each queue becomes a Python package. Keywords of Python cannot be imported, and "
    "`registry`, `handlers`, `shared` and `manifest` are names of pgmqgen's own.",
    bad={"schemas/import.json": '{"type": "object"}'},
    good={"schemas/import_order.json": '{"type": "object"}'},
)
COLLIDING = Rule(
    code="PGQ404",
    summary="two queues with one Python name",
    why="Characters that Python does not allow in a name become `_`, so two queues can end up "
    "with one module.",
    bad={
        "schemas/order-paid.json": '{"type": "object"}',
        "schemas/order_paid.json": '{"type": "object"}',
    },
    good={"schemas/order_paid.json": '{"type": "object"}'},
)
DEAD_LETTERS = Rule(
    code="PGQ405",
    summary="a queue that is another's dead-letter queue",
    why="Dead letters of the one would be worked on as messages of the other.",
    bad={
        ORDER: '{"type": "object"}',
        "schemas/order_dlq.json": '{"type": "object"}',
    },
    good={
        ORDER: '{\n  "type": "object",\n  "x-pgmq": {"dead_letter_queue": "order_dead"}\n}',
        "schemas/order_dlq.json": '{"type": "object"}',
    },
)
MODULES = Rule(
    code="PGQ408",
    summary="two shared files with one module",
    why="What files share becomes a Python module for each file. Characters that Python does not "
    "allow in a name become `_`, so two files can end up with one module.",
    bad={
        ORDER: '{"prefixItems": [{"$ref": "types/net-price.json"}, {"$ref": "types/net_price.json"}],'
        ' "type": "array"}',
        "schemas/types/net-price.json": '{"type": "number"}',
        "schemas/types/net_price.json": '{"type": "integer"}',
    },
    good={
        ORDER: '{"$ref": "types/net_price.json"}',
        "schemas/types/net_price.json": '{"type": "number"}',
    },
)
RULES = (PGMQ_NAME, CLAIMED_TWICE, RESERVED, COLLIDING, DEAD_LETTERS, MODULES)


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


def check(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    """Check the names of all queues, also against each other."""
    for rule in _CHECKS:
        yield from rule(declarations)


def check_modules(modules: Iterable[tuple[tuple[str, ...], Source]]) -> Iterator[Diagnostic]:
    """Check the modules of shared files against each other."""
    known: dict[tuple[str, ...], Source] = {}
    for module, source in modules:
        if (first := known.setdefault(module, source)) is not source:
            name = ".".join(module)
            message = f"`{first.label}` and `{source.label}` both become the module `{name}`"
            yield MODULES.at(source, Place(1, 1), message, hint="rename one of them")


def _check_pgmq_names(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for declared in declarations:
        if problem := _name_problem(declared.name):
            hint = _rename_queue(declared)
            yield PGMQ_NAME.at(declared.source, declared.place, problem, hint=hint)
        elif declared.settings and (problem := _name_problem(declared.settings.dlq)):
            place = declared.source.values.get((KEYWORD, "dead_letter_queue"), declared.place)
            message, hint = f"dead-letter queue: {problem}", _rename_dead_letters(declared)
            yield PGMQ_NAME.at(declared.source, place, message, hint=hint)


def _name_problem(name: str) -> str | None:
    # PostgreSQL counts bytes where it cuts a table's name.
    if (length := len(name.encode())) > MAX_NAME_LENGTH:
        return f"the name `{name}` has {length} bytes, and pgmq allows {MAX_NAME_LENGTH}"
    if name != name.lower():
        return f"the name `{name}` has capitals, which pgmq turns into small letters"
    if refused := re.search(r"\$|;|--|'", name):
        return f"pgmq refuses the name `{name}` because of `{refused[0]}`"
    if not name.strip() or re.search(r"[\x00-\x1f\"\\/]", name):
        return f"`{name}` cannot be the name of a queue"
    return None


def _rename_queue(declared: Declaration) -> str:
    name = allowed_name(declared.name, MAX_NAME_LENGTH - len("_dlq"))
    setting = f'set "queue": "{name}" in `x-pgmq`'
    if (KEYWORD, "queue") in declared.source.values:
        return setting
    return f"rename the file to `{name}{declared.source.path.suffix}`, or {setting}"


def _rename_dead_letters(declared: Declaration) -> str:
    given = declared.settings and declared.settings.dead_letter_queue
    name = allowed_name(given or declared.name, MAX_NAME_LENGTH - len("_dlq"))
    name = name if given else f"{name}_dlq"
    return f'set "dead_letter_queue": "{name}" in `x-pgmq`'


def _check_claims(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for name, claims in _group(declarations, lambda declared: declared.name):
        for first, second in pairwise(claims):
            message = (
                f"`{second.source.label}` and `{first.source.label}` both claim queue `{name}`"
            )
            hint = "rename one, or give it another `queue` in `x-pgmq`"
            yield CLAIMED_TWICE.at(second.source, second.place, message, hint=hint)


def _check_reserved(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for declared in declarations:
        module = module_name(declared.name)
        if is_reserved(module):
            message = f"`{module}` cannot be a queue's module: the name is reserved"
            hint = f"rename it, for example to `{module.strip('_')}_queue`"
            yield RESERVED.at(declared.source, declared.place, message, hint=hint)


def _check_collisions(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    for module, group in _group(declarations, lambda declared: module_name(declared.name)):
        for first, second in pairwise(group):
            if first.name != second.name:
                message = f"queues `{first.name}` and `{second.name}` both become `{module}`"
                hint = f"rename one, for example to `{module}_2`"
                yield COLLIDING.at(second.source, second.place, message, hint=hint)


def _check_dead_letters(declarations: Sequence[Declaration]) -> Iterator[Diagnostic]:
    owners = {d.settings.dlq: d for d in reversed(declarations) if d.settings}
    for declared in declarations:
        if owner := owners.get(declared.name):
            message = f"queue `{declared.name}` is the dead-letter queue of `{owner.name}`"
            hint = f"set another `dead_letter_queue` in the `x-pgmq` of `{owner.source.label}`"
            yield DEAD_LETTERS.at(declared.source, declared.place, message, hint=hint)


def _group(
    declarations: Sequence[Declaration], key: Callable[[Declaration], str]
) -> list[tuple[str, list[Declaration]]]:
    groups: dict[str, list[Declaration]] = defaultdict(list)
    for declared in declarations:
        groups[key(declared)].append(declared)
    return sorted(groups.items())


_CHECKS = (
    _check_pgmq_names,
    _check_claims,
    _check_reserved,
    _check_collisions,
    _check_dead_letters,
)
