"""Every message is accounted for, whatever breaks; `make fault` is the long form, with all faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.accounts import account_for
from tests.fault.faults import FAULTS, missing

_SHORT = (
    "the whole worker is killed",
    "frozen for longer than the lease",
    "the server's disk is full",
    "clocks of hosts 5 minutes off",
    "a message kills its worker",
)


@pytest.mark.parametrize(
    ("fault", "count"),
    [(fault, 400) for fault in _SHORT]
    + [pytest.param(fault, 2000, marks=pytest.mark.soak) for fault in FAULTS],
)
def test_no_message_is_lost(fault: str, count: int, tmp_path: Path, local_directory: Path) -> None:
    if (reason := missing(fault)) is not None:
        pytest.skip(reason)
    found = account_for(fault, tmp_path, local_directory, count)
    assert found.lost == found.unfenced == 0, found
    assert found.recovery_s < 15, found
