"""What a rule of the linter is: its code, its severity, and its explanation with examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgmqgen.diagnostics import Diagnostic, Severity
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Place, Pointer

ORDER = "schemas/order.json"
"""The file of an example that consists of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    code: never reused for another rule
    summary: what it finds, in a few words; why: why that matters, and what to do
    bad, good: an example that it finds something in, and one that is all right; text by path
    ignorable: whether code can be generated all the same
    default: whether it is on unless [lint] selects it
    """

    code: str
    summary: str
    why: str
    bad: str | Mapping[str, str]
    good: str | Mapping[str, str]
    severity: Severity = "error"
    ignorable: bool = False
    default: bool = True

    def at(
        self, source: Source, place: Place | Pointer, message: str, *, hint: str | None = None
    ) -> Diagnostic:
        """Report a finding of this rule."""
        at = place if isinstance(place, Place) else source.place(place)
        return Diagnostic(
            path=source.label,
            line=at.line,
            column=at.column,
            code=self.code,
            message=message,
            hint=hint,
            severity=self.severity,
        )

    def __str__(self) -> str:
        """The explanation that `--explain` prints."""
        state = self.severity + ("" if self.default else ", off by default")
        parts = [f"{self.code}: {self.summary} ({state})", self.why]
        for title, example in (("For example", self.bad), ("Better", self.good)):
            parts += [f"{title}, {_show(path, text)}" for path, text in files(example).items()]
        if self.ignorable:
            parts.append(f'To switch it off: [lint] ignore = ["{self.code}"]')
        if not self.default:
            parts.append(f'To switch it on: [lint] select = ["{self.code}"]')
        return "\n\n".join(parts)


def files(example: str | Mapping[str, str]) -> Mapping[str, str]:
    """The files of an example, text by path."""
    return {ORDER: example} if isinstance(example, str) else example


def warning(
    code: str,
    summary: str,
    why: str,
    *,
    bad: str | Mapping[str, str],
    good: str | Mapping[str, str],
    default: bool = True,
) -> Rule:
    """Make a rule that never stops `generate`."""
    return Rule(
        code=code,
        summary=summary,
        why=why,
        bad=bad,
        good=good,
        severity="warning",
        ignorable=True,
        default=default,
    )


def _show(path: str, text: str) -> str:
    lines = (f"    {line}" for line in text.splitlines())
    return "\n".join([f"{path}:", *lines])
