"""What is sent: synthetic messages of two sizes, or those that a project's schema gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pgmqgen.errors import ConfigError
from pgmqgen.runtime.json_text import dump_json
from pgmqgen.runtime.registry import QueueSpec

_FOLDER = Path(__file__).parent
_SEVERAL = 1000
"""How many synthetic messages differ; they are sent in turn."""


def order(number: int) -> dict[str, Any]:
    """An order of about 1 KB."""
    lines = [
        {"sku": f"SKU-{number}-{i}", "quantity": i + 1, "price": 9.99 * (i + 1), "note": "n" * 40}
        for i in range(7)
    ]
    return {
        "id": number + 1,
        "customer": "Ada Lovelace",
        "email": "ada@example.com",
        "created_at": "2026-01-02T03:04:05Z",
        "status": "new",
        "lines": lines,
        "total": 279.72,
        "comment": "c" * 120,
    }


def shipment(number: int) -> dict[str, Any]:
    """A shipment of about 200 bytes."""
    return {
        "id": number + 1,
        "carrier": "Analytical Parcels",
        "email": "ada@example.com",
        "shipped_at": "2026-01-02T03:04:05Z",
        "status": "sent",
        "comment": "c" * 50,
    }


_MAKERS: Final[Mapping[int, tuple[str, Callable[[int], dict[str, Any]]]]] = {
    1000: ("order.json", order),
    200: ("shipment.json", shipment),
}


def schema_text(size: int) -> str:
    """The JSON Schema of the synthetic messages of some size."""
    return (_FOLDER / _MAKERS[size][0]).read_text(encoding="utf-8")


def synthetic(size: int) -> list[bytes]:
    """JSON texts of different messages of some size."""
    make = _MAKERS[size][1]
    return [dump_json(make(number)) for number in range(_SEVERAL)]


def of_project(spec: QueueSpec[Any], file: Path | None) -> list[bytes]:
    """JSON texts for a queue of a project: that in `file`, else the examples of its schema.

    Raises ConfigError if there is none, InvalidMessage if the one in the file is not valid.
    """
    if file is not None:
        text = _read(file)
        spec.decode(text)
        return [text]
    from pgmqgen.docs.examples import find_examples

    examples = find_examples(spec.contract, spec.contract.schema)
    if not examples:
        raise ConfigError(
            f"no message could be made up for queue `{spec.name}`",
            hint="give its schema `examples`, or name a file with one by --payload",
        )
    return [dump_json(example) for example in examples]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read `{file}`: {error.strerror}") from error
