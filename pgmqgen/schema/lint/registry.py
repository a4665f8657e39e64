"""Every rule by its code."""

from __future__ import annotations

from pgmqgen.schema.lint import (
    circles,
    closed,
    contradictions,
    elsewhere,
    evolution,
    foreign,
    identifiers,
    keywords,
    metaschema,
    names,
    objects,
    patterns,
    syntax,
    unions,
    values,
)
from pgmqgen.schema.lint.rule import Rule

_FAMILIES = (
    syntax, metaschema, keywords, foreign, patterns, contradictions, values, unions, objects, closed, circles, elsewhere,
    identifiers, names, evolution,
)  # fmt: skip
RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in sorted(
        (rule for family in _FAMILIES for rule in family.RULES), key=lambda rule: rule.code
    )
}
