"""What a traceback shows of an error."""

from __future__ import annotations

import traceback

from pgmqgen.errors import ConfigError


def test_a_traceback_ends_with_the_hint() -> None:
    error = ConfigError("no database is configured", hint="set DATABASE_URL")
    assert traceback.format_exception(error)[-2:] == [
        "pgmqgen.errors.ConfigError: no database is configured\n",
        "help: set DATABASE_URL\n",
    ]
    error.add_note("of mine")
    error.hint = "give --database-url"
    assert error.__notes__ == ["of mine", "help: give --database-url"]
    error.__notes__.clear()
    error.hint = None
    assert traceback.format_exception(error)[-1].endswith("no database is configured\n")
