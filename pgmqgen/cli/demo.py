"""`pgmqgen demo`."""

from __future__ import annotations


def demo() -> int:
    """Run the main job end to end: schemas to handled messages, on an embedded PostgreSQL.

    Compiles the example schemas, sends some thousand messages, good and bad, runs the worker,
    and checks that each message ended where it should: exit code 0 if so, else 1.
    Everything happens in a temporary folder and is gone afterwards.
    """
    from pgmqgen.demo.run import run_demo

    return 0 if run_demo() else 1
