"""All that there is to measure on: the options, and the queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgmqgen.bench.options import Options
from pgmqgen.bench.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the measures run on.

    subjects: the queues to fill and drain, largest message first
    notifying: a queue whose workers are notified, if there is one; polled: one whose are not
    resting: names of queues in the registry of the first subject that stay empty
    """

    options: Options
    subjects: Sequence[Subject]
    notifying: Subject | None
    polled: Subject | None
    resting: Sequence[str]
