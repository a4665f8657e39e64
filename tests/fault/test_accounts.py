"""Every message is accounted for, whatever breaks; `make fault` is the long form, with all faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fault.accounts import FAULTS, NEEDS_ROOT, account_for

_SHORT = (
    "the whole worker is killed",
    "frozen for longer than the lease",
    "the server's disk is full",
    "a message kills its worker",
)


@pytest.mark.parametrize(
    ("fault", "count"),
    [(fault, 400) for fault in _SHORT]
    + [pytest.param(fault, 2000, marks=pytest.mark.soak) for fault in FAULTS],
)
def test_no_message_is_lost(fault: str, count: int, tmp_path: Path, local_directory: Path) -> None:
    if fault in NEEDS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    found = account_for(fault, tmp_path, local_directory, count)
    assert found.lost == 0, found
    assert found.recovery_s < 15, found
