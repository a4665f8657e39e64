"""The exceptions of pgmqgen.

    PgmqgenError
    ├── ConfigError          usage or configuration                    (CLI: exit 2)
    ├── SchemaError          .diagnostics of the schema files          (exit 1)
    ├── GenerateError        generated output cannot be written        (exit 1)
    ├── RegistryError        a registry or handler that does not load  (exit 2)
    ├── InvalidMessage       .errors: why a payload breaks its schema  (exit 1)
    ├── PayloadTypeError     schema-valid, but the model refuses it
    ├── LeaseLost            another worker may have the message
    └── DatabaseError        .sqlstate; the driver's error is __cause__ (exit 3)

Every error has a short message and, apart from it, a `hint` that says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgmqgen.diagnostics import Diagnostic


class PgmqgenError(Exception):
    """Base of all errors that pgmqgen raises on purpose; a traceback shows the hint below it."""

    _note: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def hint(self) -> str | None:
        """What to do, if that is known."""
        return self._hint

    @hint.setter
    def hint(self, hint: str | None) -> None:
        notes = [note for note in getattr(self, "__notes__", ()) if note != self._note]
        self._hint, self._note = hint, f"help: {hint}" if hint else None
        self.__notes__ = [*notes, *filter(None, [self._note])]


class ConfigError(PgmqgenError):
    """A wrong option, configuration key or environment; also a missing extra."""


class SchemaError(PgmqgenError):
    """Schema files that do not compile; `diagnostics` says where and why."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = sum(each.severity == "error" for each in diagnostics)
        super().__init__(f"{errors} error(s) in the schemas")
        self.diagnostics = tuple(diagnostics)


class GenerateError(PgmqgenError):
    """Output that cannot be written, such as a generated file edited by hand."""


class RegistryError(PgmqgenError):
    """A registry, contract or handler that cannot be imported or is not one."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a payload is invalid.

    pointer: JSON pointer (RFC 6901) into the payload, "" for its root
    keyword: the JSON Schema keyword that failed, such as `required`; `json` when the
        payload is not JSON at all
    message: one sentence in English
    """

    pointer: str
    keyword: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '(root)'}: {self.message} [{self.keyword}]"


class InvalidMessage(PgmqgenError):
    """A payload that breaks its queue's schema; `errors` are its violations, the first 100."""

    def __init__(self, errors: Sequence[Violation], *, queue: str | None = None) -> None:
        self.errors = tuple(errors)
        self.queue = queue
        of = f" of queue `{queue}`" if queue else ""
        listing = "".join(f"\n  {error}" for error in self.errors)
        super().__init__(f"invalid payload{of}, {len(self.errors)} error(s):{listing}")


class PayloadTypeError(PgmqgenError):
    """A payload that its schema accepts and its generated model refuses.

    The message is not at fault: it is retried, then goes where failures go.
    """


class LeaseLost(PgmqgenError):
    """A handler's transaction that was rolled back, as its message is not this worker's any more."""


class DatabaseError(PgmqgenError):
    """PostgreSQL refused or could not be reached; `sqlstate` is its five-letter code."""

    def __init__(
        self, message: str, *, hint: str | None = None, sqlstate: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
