"""The processes that compile: what they return, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from pgmqgen.codegen.pool import Pool
from pgmqgen.errors import GenerateError

_PID = "__import__('os').getpid()"


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2) as started:
        started.start(int)
        yield started


def test_nothing_is_started_unasked() -> None:
    with Pool(2) as pool:
        assert [*pool.map(eval, [_PID, "7"])] == [os.getpid(), 7]


def test_one_core_is_this_process() -> None:
    with Pool(1) as pool:
        pool.start(int)
        assert [*pool.map(eval, [_PID])] == [os.getpid()]


def test_results_of_processes_come_in_order(pool: Pool) -> None:
    slow_first = [f"__import__('time').sleep({0.2 if place == 0 else 0}) or {place}" for place in range(99)]  # fmt: skip
    assert [*pool.map(eval, slow_first)] == [*range(99)]
    pids = {*pool.map(eval, [_PID] * 99)}
    assert os.getpid() not in pids
    assert len(pids) <= 2


def test_few_are_left_to_the_process_that_is_ready() -> None:
    before = _compilers()
    with Pool(2) as pool:
        pool.start(eval, "__import__('time').sleep(0.5)")
        pids = {*pool.map(eval, [_PID] * 9)}
        assert pids == _compilers() - before
        assert len(pids) == 1


def _compilers() -> set[int]:
    """The processes of this one that run functions."""
    return {
        child.pid
        for child in psutil.Process().children()
        if "spawn_main" in " ".join(child.cmdline())
    }


def test_an_error_keeps_its_hint(pool: Pool) -> None:
    source = "(_ for _ in ()).throw(__import__('pgmqgen').errors.GenerateError('bad', hint='good'))"
    with pytest.raises(GenerateError, match="bad") as caught:
        [*pool.map(eval, [source])]
    assert caught.value.hint == "good"


def test_a_killed_process_is_an_error(pool: Pool) -> None:
    with pytest.raises(GenerateError, match="a process of the compiler was killed"):
        [*pool.map(eval, [f"__import__('os').kill({_PID}, {signal.SIGKILL})"])]


def test_an_interrupt_is_left_to_the_parent(pool: Pool) -> None:
    [pid] = pool.map(eval, [_PID])
    os.kill(pid, signal.SIGINT)
    assert [*pool.map(eval, [_PID])] == [pid]


def test_they_end_with_their_context() -> None:
    with Pool(2) as pool:
        pool.start(int)
        pids = {*pool.map(eval, [_PID] * 4)}
        assert all(map(psutil.pid_exists, pids))
    assert not any(map(psutil.pid_exists, pids))


_ABANDON = f"""
import os, signal
from pgmqgen.codegen.pool import Pool
if __name__ == "__main__":
    with Pool(2) as pool:
        pool.start(int)
        print(*pool.map(eval, [{_PID!r}]), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_they_end_when_the_parent_is_killed(tmp_path: os.PathLike[str]) -> None:
    script = os.path.join(tmp_path, "abandon.py")
    with open(script, "w") as file:
        file.write(_ABANDON)
    done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    try:
        psutil.Process(int(done.stdout)).wait(10)
    except psutil.NoSuchProcess:
        pass
