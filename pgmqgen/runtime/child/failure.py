"""Describing what a handler raised, whatever it is, as short plain text."""

from __future__ import annotations

import traceback

from pgmqgen.runtime.outcome import Failure, Reason

_ERROR_LENGTH = 1_000
_TRACEBACK_LENGTH = 8_000
_FRAMES = 20


def describe(error: BaseException, reason: Reason = "exception") -> Failure:
    """One line and a shortened traceback of any exception, even one that cannot be printed."""
    return Failure(reason, _one_line(error)[:_ERROR_LENGTH], _shortened_traceback(error))


def _one_line(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be shown)"
    return f"{name}: {text}" if text else name


def _shortened_traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-_FRAMES)
        text = "".join(lines)
    except Exception:
        return _one_line(error)
    if len(text) <= _TRACEBACK_LENGTH:
        return text
    half = _TRACEBACK_LENGTH // 2
    return f"{text[:half]}\n...\n{text[-half:]}"
