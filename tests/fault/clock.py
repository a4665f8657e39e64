"""A wrong clock for one process and its children: Debian's libfaketime, loaded before all else."""

from __future__ import annotations

from pathlib import Path

from tests.fault.debian import folder_of

_SLEEP_MENDED = Path(__file__).with_name("wrong_clock")


def find_library() -> Path | None:
    """The library, as `make setup` has unpacked it."""
    return next(folder_of("libfaketime").glob("usr/lib/*/faketime/libfaketimeMT.so.1"), None)


def with_clock_ahead(seconds: int) -> list[str]:
    """The command that runs another one on a host whose clock is wrong; below 0 it is behind.

    How much time passes stays right, as on such a host. The ledger is told, and stays right.
    """
    return [
        "env",
        f"LD_PRELOAD={find_library()}",
        f"FAKETIME={seconds:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        f"PYTHONPATH={_SLEEP_MENDED}",
        f"CLOCK_AHEAD_S={seconds}",
    ]
