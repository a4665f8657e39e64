"""What `doctor` has to say of a database: values, without input or output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["problem", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a database that costs messages or speed, or that is good to know.

    code: names the kind of finding, for programs
    help: what to do about it
    details: facts for programs, of JSON's types
    """

    code: str
    text: str
    help: str
    level: Level = "problem"
    details: Mapping[str, object] = field(default_factory=dict)
