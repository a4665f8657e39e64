"""Python loads this first on a host whose clock is wrong: libfaketime breaks `time.sleep` there."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
