"""Rules whose findings are reported where files are read: references, settings, handlers."""

from __future__ import annotations

from pgmqgen.schema.lint.rule import ORDER, Rule

RULES = (
    Rule(
        code="PGQ201",
        summary="a reference that leads nowhere",
        why="What `$ref` names does not exist, is no schema, or lies outside of the project.",
        bad='{\n  "properties": {"total": {"$ref": "#/$defs/mony"}},\n'
        '  "$defs": {"money": {"type": "number"}},\n  "type": "object"\n}',
        good='{\n  "properties": {"total": {"$ref": "#/$defs/money"}},\n'
        '  "$defs": {"money": {"type": "number"}},\n  "type": "object"\n}',
    ),
    Rule(
        code="PGQ202",
        summary="a remote reference that is not vendored",
        why="pgmqgen never opens a network connection: a schema that could change overnight is no "
        "contract. Keep a copy, and map the URL's prefix to its folder in [vendored].",
        bad='{"$ref": "https://example.com/money.json"}',
        good={
            ORDER: '{"$ref": "https://example.com/money.json"}',
            "vendored/money.json": '{"type": "number"}',
            "pgmqgen.toml": '[vendored]\n"https://example.com/" = "vendored"',
        },
    ),
    Rule(
        code="PGQ301",
        summary="an unknown setting",
        why="A setting with a wrong name would have no effect.",
        bad='{\n  "x-pgmq": {"max_attemps": 3}\n}',
        good='{\n  "x-pgmq": {"max_attempts": 3}\n}',
    ),
    Rule(
        code="PGQ302",
        summary="a wrong value of a setting",
        why="The setting exists, and its value is of the wrong kind or out of range.",
        bad='{\n  "x-pgmq": {"max_attempts": "three"}\n}',
        good='{\n  "x-pgmq": {"max_attempts": 3}\n}',
    ),
    Rule(
        code="PGQ303",
        summary="a setting that is not supported yet",
        why="The name is reserved for a feature that is not built. It is refused rather than "
        "silently ignored.",
        bad='{\n  "x-pgmq": {"schedule": "0 7 * * *"}\n}',
        good='{\n  "x-pgmq": {}\n}',
    ),
    Rule(
        code="PGQ501",
        summary="a handler without a queue",
        why="The queue was renamed or removed, and its handler would never run again.",
        bad={
            ORDER: '{"type": "object"}',
            "generated/handlers/invoice.py": "def handle(message, context): ...",
        },
        good={
            ORDER: '{"type": "object"}',
            "generated/handlers/order.py": "def handle(message, context): ...",
        },
        ignorable=True,
    ),
)
