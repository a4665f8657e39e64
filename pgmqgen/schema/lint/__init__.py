"""What is checked in schema files and queue names: one module a family of rules.

Syntax (`source`), references (`refs`) and settings (`settings`) are diagnosed where they are
read; RULES holds their rules too.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.lint import (
    circles,
    closed,
    contradictions,
    evolution,
    foreign,
    keywords,
    metaschema,
    objects,
    patterns,
    syntax,
    unions,
    values,
)
from pgmqgen.schema.lint.identifiers import check as lint_identifiers
from pgmqgen.schema.lint.metaschema import check_bundle as lint_bundle
from pgmqgen.schema.lint.names import Declaration
from pgmqgen.schema.lint.names import check as lint_names
from pgmqgen.schema.lint.names import check_modules as lint_modules
from pgmqgen.schema.lint.policy import Policy
from pgmqgen.schema.lint.recall import bundle_key, meaning_key, recall_findings, source_key
from pgmqgen.schema.lint.registry import RULES
from pgmqgen.schema.lint.subject import Subject
from pgmqgen.schema.source import Source

__all__ = [
    "RULES",
    "Declaration",
    "Policy",
    "Subject",
    "bundle_key",
    "lint_bundle",
    "lint_identifiers",
    "lint_meaning",
    "lint_modules",
    "lint_names",
    "lint_source",
    "meaning_key",
    "recall_findings",
    "source_key",
]


def lint_source(source: Source, dialect: Dialect | None) -> Iterator[Diagnostic]:
    """Check one file, be it a queue's or a shared one; None if its `$schema` is unknown."""
    yield from syntax.check(source, dialect)
    if not source.parsed:
        return
    if isinstance(source.value, dict | bool) and dialect is not None:
        yield from metaschema.check(source, dialect.draft)
    yield from patterns.check(source)


def lint_meaning(subject: Subject) -> Iterator[Diagnostic]:
    """Check what a sound file says, and what it cannot mean."""
    for family in (
        keywords,
        foreign,
        contradictions,
        values,
        unions,
        objects,
        closed,
        circles,
        evolution,
    ):
        yield from family.check(subject)
