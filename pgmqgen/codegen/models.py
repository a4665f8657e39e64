"""Pydantic models of a schema, by datamodel-code-generator: its one importer."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import Any

from pgmqgen.codegen.normalise import normalise
from pgmqgen.errors import ConfigError, GenerateError

_FUTURE = "from __future__ import annotations\n"
_ROOT = "PgmqgenRoot"
"""Class that carries the type of a payload that is no object, and is taken out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The source of a module of models.

    names: what it defines; members: classes of the payload, if that is a union of classes
    """

    source: str
    names: tuple[str, ...]
    members: tuple[str, ...] = ()


def make_models(
    schema: dict[str, Any] | bool, payload: str, *, taken: frozenset[str] = frozenset()
) -> Models:
    """Make a module that defines the type `payload`, and no name that is `taken`."""
    shape = normalise(schema, payload, taken)
    if shape.get("type") == "object" and "properties" in shape:
        source = _name_aliases(_generate(shape, payload))
        return Models(source=source, names=_defined_names(source))
    classes = shape.pop("$defs")
    wrapper = {
        "type": "object",
        "properties": {"payload": shape},
        "required": ["payload"],
        "$defs": classes,
    }
    source, annotation = _unwrap(_name_aliases(_generate(wrapper, _ROOT)), payload)
    names = _defined_names(source)
    return Models(source=source, names=names, members=_union_members(annotation, names))


def _generate(shape: dict[str, Any], name: str) -> str:
    try:
        import datamodel_code_generator as dcg
    except ImportError as error:
        raise ConfigError(
            "the code generator is not installed", hint="install pgmqgen[codegen]"
        ) from error
    source = dcg.generate(
        json.dumps(shape),
        input_file_type=dcg.InputFileType.JsonSchema,
        output_model_type=dcg.DataModelType.PydanticV2BaseModel,
        target_python_version=dcg.PythonVersion.PY_311,
        class_name=name,
        custom_file_header="# pgmqgen",
        disable_timestamp=True,
        allow_remote_refs=False,
        allow_population_by_field_name=True,
        enum_field_as_literal=dcg.LiteralType.All,
        field_constraints=True,
        use_annotated=True,
        use_schema_description=True,
        use_field_description=True,
        use_standard_collections=True,
        use_union_operator=True,
        formatters=[],
    )
    if not isinstance(source, str):
        raise GenerateError(f"the models of `{name}` came out as several modules")
    source = source.removeprefix("# pgmqgen").lstrip()
    source = source.replace("        arbitrary_types_allowed=True,\n", "")
    if "model_dump_" in source or "model_validate_" in source:  # pydantic warns of such names
        by_name = "        populate_by_name=True,\n"
        source = source.replace(by_name, f"{by_name}        protected_namespaces=(),\n")
    return source


def _unwrap(source: str, payload: str) -> tuple[str, ast.expr]:
    """Turn the class that carries the payload's type into an alias of that type."""
    tree = ast.parse(source)
    carrier = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == _ROOT
    )
    field = next(node for node in carrier.body if isinstance(node, ast.AnnAssign))
    lines = _lines(source)
    del lines[carrier.lineno - 1 : carrier.end_lineno]
    rest = b"".join(lines).decode().replace(f"{_ROOT}.model_rebuild()\n", "")
    rest = rest.replace(_FUTURE, f"{_FUTURE}from typing import TypeAlias\n", 1)
    alias = f"{payload}: TypeAlias = {ast.unparse(field.annotation)}"
    return f"{rest}\n\n{alias}\n", field.annotation


def _union_members(annotation: ast.expr, classes: tuple[str, ...]) -> tuple[str, ...]:
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _union_members(first, classes)
        case ast.BinOp(left=left, right=right):
            sides = (_union_members(left, classes), _union_members(right, classes))
            return (*sides[0], *sides[1]) if all(sides) else ()
        case ast.Name(id=name) if name in classes:
            return (name,)
        case _:
            return ()


def _defined_names(source: str) -> tuple[str, ...]:
    names = []
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return tuple(sorted(names))


def _name_aliases(source: str) -> str:
    """Say `alias` as two keywords: with the one, type checkers know a field by its alias only."""
    tree = ast.parse(source)
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "alias"
    ]
    lines = _lines(source)
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        value = ast.unparse(node.value)
        line, start = lines[node.lineno - 1], node.col_offset
        both = f"validation_alias={value}, serialization_alias={value}"
        lines[node.lineno - 1] = line[:start] + both.encode() + line[node.end_col_offset :]
    return b"".join(lines).decode()


def _lines(source: str) -> list[bytes]:
    """Lines as the parser counts them: str.splitlines has more ends, and columns are bytes."""
    return source.encode().splitlines(keepends=True)
