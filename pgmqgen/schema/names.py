"""Python names of what a schema declares, and which names are taken."""

from __future__ import annotations

import keyword
import re
import unicodedata

RESERVED_MODULES = frozenset({"handlers", "manifest", "registry", "shared"})
"""Names in the generated package that are not queues."""

RESERVED_TYPES = frozenset({
    "AliasedModel", "Annotated", "Any", "AsyncProducer", "AwareDatetime", "BaseModel",
    "ClosedModel", "ConfigDict", "Contract", "contract", "Date", "DateTime", "DecimalNumber",
    "Exactly", "Field", "Later", "Literal", "LooseModel", "None", "Number", "OpenModel", "Producer", "SCHEMA",
    "Time", "TypeAlias", "Uuid", "validate",
})  # fmt: skip
"""Names that generated modules use themselves."""

BUILTIN_TYPES = frozenset({"bool", "date", "dict", "float", "int", "list", "str", "type"})


def module_name(queue: str) -> str:
    """Name of the package of a queue: the queue's name as an identifier."""
    name = "".join(char if _fits(char) else "_" for char in _normal(queue))
    return name if name.isidentifier() else f"queue_{name}"


def is_reserved(module: str) -> bool:
    """Whether no queue's package may have a name."""
    return module in RESERVED_MODULES or keyword.iskeyword(module) or module.startswith("__")


def allowed_name(text: str, most: int) -> str:
    """A name that pgmq takes for a queue, as much like a text as `most` bytes allow."""
    name = re.sub(r"[\W_]{2,}|[^\w-]", "_", snake_case(text)).strip("_-")
    cut = name.encode()[:most].decode(errors="ignore").strip("_-") or "queue"
    return f"{cut}_queue" if is_reserved(module_name(cut)) else cut


def snake_case(text: str) -> str:
    """Text in small letters, with `_` before what were capitals in a word."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower()


def class_prefix(queue: str) -> str:
    """PascalCase of a queue's name, as in `SendEmailProducer`."""
    return pascal_case(queue) or "Queue"


def pascal_case(text: str) -> str:
    """Text as a class name, `""` if it holds no letter or digit."""
    spaced = "".join(char if _fits(char) and char != "_" else " " for char in _normal(text))
    name = _normal("".join(word[0].upper() + word[1:] for word in spaced.split()))
    return name if name.isidentifier() or not name else _normal(f"Queue{name}")


def payload_name(title: str | None, queue: str) -> str:
    """Name of the payload's type: the title as an identifier, else the class prefix."""
    prefix = class_prefix(queue)
    name = _as_identifier(title or "") or prefix
    taken = RESERVED_TYPES | BUILTIN_TYPES | {f"{prefix}Producer", f"Async{prefix}Producer"}
    return f"{name}Payload" if name in taken or keyword.iskeyword(name) else name


def _as_identifier(title: str) -> str:
    name = _normal(title)
    is_class_name = name.isidentifier() and name[0].isupper() and "_" not in name
    return name if is_class_name else pascal_case(title)


def _normal(text: str) -> str:
    """Text as Python reads it where it is a name."""
    return unicodedata.normalize("NFKC", text)


def _fits(char: str) -> bool:
    """Whether a character may stand in a name; some that are letters to Unicode may not."""
    return f"_{char}".isidentifier()
