"""Where a project's own code joins the worker: monitoring, policy, set-up.

A hook that raises is logged and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from pgmqgen.errors import DatabaseError, RegistryError, Violation
from pgmqgen.runtime.message import Message
from pgmqgen.runtime.outcome import HookDecision, Reason, Release, Result
from pgmqgen.runtime.registry import import_object

log = logging.getLogger("pgmqgen.hooks")

_CLOSE = 0.8
"""How much a method must look like a hook to be taken for a misspelt one."""


class Hooks:
    """Subclass this, override what you need, and name the class with `--hooks module:Class`.

    Each process makes its own instance.
    """

    # In the parent, one after the other, on a thread that leases no messages.

    def on_ready(self) -> None:
        """Every process has loaded its handlers; leasing begins."""

    def on_before_read(self, queue: str) -> None:
        """A queue is about to be asked for messages."""

    def on_read_error(self, error: DatabaseError) -> None:
        """The database could not be read; the worker tries again with backoff."""

    def on_lost(self, message: Message[Any], reason: Reason, stack: str | None) -> None:
        """A handler's process died (`crash`) or was stopped at its time limit (`timeout`)."""

    def on_dead_letter(self, message: Message[Any], reason: Reason) -> None:
        """A message is moved to its dead-letter queue."""

    def on_shutdown(self) -> None:
        """The worker has settled everything and is about to end."""

    # In the children, around the handlers.

    def on_start(self) -> None:
        """A process has started and loaded its handlers."""

    def before_handle(self, message: Message[Any]) -> bool | Release | None:
        """A valid message is about to be handled.

        Return False (or `Release(delay_s)`) to veto: the message is given back, without an
        attempt, and is visible again after a second (or the delay).
        """

    def after_handle(self, message: Message[Any], outcome: Result) -> None:
        """The handler has returned or failed."""

    def on_error(self, error: BaseException, message: Message[Any]) -> HookDecision | None:
        """The handler raised. A returned decision replaces the queue's setting."""

    def on_invalid(
        self, errors: Sequence[Violation], message: Message[Any], queue: str
    ) -> HookDecision | None:
        """A message broke its schema; `message.payload` is its JSON value, or the raw bytes.

        A returned decision replaces the queue's setting `on_invalid`.
        """


def load_hooks(name: str | None) -> Hooks:
    """Import hooks by `module:object`; a class is instantiated. Raises RegistryError."""
    if name is None:
        return Hooks()
    found = import_object(name)
    if isinstance(found, type) and issubclass(found, Hooks):
        found = found()
    if not isinstance(found, Hooks):
        raise RegistryError(
            f"hooks `{name}` are not a pgmqgen.Hooks, but {type(found).__name__}",
            hint="subclass pgmqgen.Hooks and name the class",
        )
    return found


def misspelt(hooks: Hooks) -> Iterator[str]:
    """What the methods are called that look like a hook and are none, and which is perhaps meant."""
    known = [name for name in vars(Hooks) if not name.startswith("_")]
    for name in dir(type(hooks)):
        if name.startswith("_"):
            continue
        close = get_close_matches(name, known, n=1, cutoff=_CLOSE)
        if close and name not in known:
            yield f"`{name}` of `{type(hooks).__qualname__}` is no hook; did you mean `{close[0]}`?"


def overrides(hooks: Hooks, name: str) -> bool:
    """Whether `hooks` has a method `name` of its own, so that calling it is worth while."""
    return getattr(type(hooks), name) is not getattr(Hooks, name)


def call_hook(hooks: Hooks, name: str, *arguments: Any) -> Any:
    """Call one hook; what it raises is logged and None is returned."""
    try:
        return getattr(hooks, name)(*arguments)
    except BaseException:  # sys.exit() too
        log.exception("hook `%s` raised; it changes nothing", name)
        return None
