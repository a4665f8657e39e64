"""Which findings count: [lint] of the configuration, applied."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from pgmqgen.config import LintConfig
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.errors import ConfigError
from pgmqgen.queue import suggest
from pgmqgen.schema.lint.registry import RULES

ALL = "*"


class Policy:
    """Says of each finding whether it counts."""

    def __init__(self, config: LintConfig) -> None:
        """Raises ConfigError for a code that does not exist, or may not be ignored."""
        self._config = config
        _check(config.select, "select")
        _check_ignored(config.ignore, "ignore")
        for pattern, codes in config.per_file_ignores.items():
            _check_ignored(codes, f"per-file-ignores.{pattern}")

    def selects(self, code: str) -> bool:
        """Whether a rule is on, for some file at least."""
        rule = RULES[code]
        ignored = rule.ignorable and _holds(self._config.ignore, code)
        return not ignored and (rule.default or _holds(self._config.select, code))

    def counts(self, found: Diagnostic) -> bool:
        """Whether a finding is to be reported."""
        return self.selects(found.code) and not self._is_ignored_in_file(found)

    def _is_ignored_in_file(self, found: Diagnostic) -> bool:
        return RULES[found.code].ignorable and any(
            fnmatchcase(found.path, pattern) and _holds(codes, found.code)
            for pattern, codes in self._config.per_file_ignores.items()
        )


def _holds(codes: Iterable[str], code: str) -> bool:
    return ALL in codes or code in codes


def _check(codes: Iterable[str], key: str) -> None:
    for code in codes:
        if code != ALL and code not in RULES:
            hint = suggest(code, RULES) or "`pgmqgen lint --explain all` lists the codes"
            raise ConfigError(f"[lint] {key}: unknown code `{code}`", hint=hint)


def _check_ignored(codes: Iterable[str], key: str) -> None:
    _check(codes, key)
    for code in codes:
        if code != ALL and not RULES[code].ignorable:
            message = f"[lint] {key}: `{code}` cannot be ignored"
            raise ConfigError(message, hint="nothing can be generated from what it finds")
