"""Pydantic models of a schema, by datamodel-code-generator: its one importer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from pgmqgen.codegen.normalise import External, normalise
from pgmqgen.codegen.unions import Shape
from pgmqgen.errors import ConfigError, GenerateError

_FUTURE = "from __future__ import annotations\n"
_ROOT = "PgmqgenRoot"
"""Class that carries the type of the payload, and is taken out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The source of a module of models.

    names: what it defines or imports; members: classes of the payload, if that is a union
    """

    source: str
    names: tuple[str, ...]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """A module of shared models.

    externals: what other modules may import, by the reference that it was asked for with
    """

    models: Models
    externals: Mapping[str, External]


def make_models(
    schema: dict[str, Any] | bool,
    payload: str,
    *,
    taken: frozenset[str] = frozenset(),
    externals: Mapping[str, External] | None = None,
    module: tuple[str, ...] = ("queue", "models"),
) -> Models:
    """Make a module that defines the type `payload`, and no name that is `taken`.

    externals: definitions of other modules, by reference; module: where below the generated
    package it is to be
    """
    normal = normalise(schema, {"#": payload}, taken=taken, externals=externals)
    shape = normal.shapes["#"]
    source, annotation = _generate(normal.classes, shape)
    if shape != {"$ref": f"#/$defs/{payload}"}:
        source = source.replace(_FUTURE, f"{_FUTURE}from typing import TypeAlias\n", 1)
        source += f"\n\n{payload}: TypeAlias = {ast.unparse(annotation)}\n"
    models = _finish(source, normal.imports, module, payload)
    return replace(models, members=_union_members(annotation, models.names))


def make_exports(names: Sequence[str], target: tuple[str, ...], module: tuple[str, ...]) -> Models:
    """Make a module that only passes on what another one has."""
    lines = [_import_line(name, target, name, module) for name in names]
    source = _export(_FUTURE + "\n".join(lines) + "\n", tuple(names))
    return Models(source=source, names=tuple(names))


def make_definitions(
    schema: dict[str, Any],
    names: Mapping[str, str],
    *,
    externals: Mapping[str, External],
    module: tuple[str, ...],
) -> Definitions:
    """Make a module of what stands at some references, each with a name for want of a title."""
    normal = normalise(schema, names, externals=externals)
    source, _ = _generate(normal.classes, {})
    found = {
        ref: External(module=module, shape=shape, classes=normal.classes)
        for ref, shape in normal.shapes.items()
    }
    return Definitions(models=_finish(source, normal.imports, module), externals=found)


def _generate(classes: Mapping[str, Shape], payload: Shape) -> tuple[str, ast.expr]:
    """The source of classes, and the annotation that says `payload`."""
    carrier = {
        "type": "object",
        "properties": {"payload": payload},
        "required": ["payload"],
        "$defs": classes,
    }
    source = _name_aliases(_run(carrier))
    node = _find_class(source, _ROOT)
    field = next(field for field in node.body if isinstance(field, ast.AnnAssign))
    return _cut(source, {_ROOT}), field.annotation


def _finish(
    source: str,
    imports: Mapping[str, tuple[tuple[str, ...], str]],
    module: tuple[str, ...],
    payload: str = "",
) -> Models:
    """Replace stubs by imports of the classes that they stand for."""
    source = _cut(source, imports.keys())
    words = {*re.findall(r"\w+", source), payload}
    used = {own: place for own, place in imports.items() if own in words}
    names = tuple(sorted({*_defined_names(source), *used}))
    if used:
        lines = [_import_line(own, *place, module) for own, place in used.items()]
        source = source.replace(_FUTURE, _FUTURE + "\n".join(lines) + "\n", 1)
        source = _export(source, names)
    return Models(source=source, names=names)


def _export(source: str, names: tuple[str, ...]) -> str:
    """Say in `__all__` what a module has, for what it imports is else not meant for others."""
    lines = _lines(source)
    body = ast.parse(source).body
    last = max(node.end_lineno or 0 for node in body if isinstance(node, ast.ImportFrom))
    lines.insert(last, f"\n__all__ = {list(names)!r}\n".encode())
    return b"".join(lines).decode()


def _import_line(own: str, target: tuple[str, ...], name: str, module: tuple[str, ...]) -> str:
    pairs = zip(module[:-1], target[:-1], strict=False)
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    path = "." * (len(module) - shared) + ".".join(target[shared:])
    return f"from {path} import {name}" + (f" as {own}" if own != name else "")


def _run(shape: Shape) -> str:
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
        class_name=_ROOT,
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
        raise GenerateError("the models came out as several modules")
    source = source.removeprefix("# pgmqgen").lstrip()
    source = source.replace("        arbitrary_types_allowed=True,\n", "")
    if "model_dump_" in source or "model_validate_" in source:  # pydantic warns of such names
        by_name = "        populate_by_name=True,\n"
        source = source.replace(by_name, f"{by_name}        protected_namespaces=(),\n")
    return source


def _find_class(source: str, name: str) -> ast.ClassDef:
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return next(node for node in classes if node.name == name)


def _cut(source: str, names: Collection[str]) -> str:
    """Take classes out of a module."""
    lines = _lines(source)
    for node in reversed(ast.parse(source).body):
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name))))
            ) if name in names:
                del lines[node.lineno - 1 : node.end_lineno]
    return b"".join(lines).decode()


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
