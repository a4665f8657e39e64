"""Pydantic models of a schema, by datamodel-code-generator: its one importer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any, TypeAlias

from pgmqgen.codegen.cache import Memory
from pgmqgen.codegen.carrier import ROOT, carry
from pgmqgen.codegen.classes import External
from pgmqgen.codegen.edits import (
    cut,
    defer,
    defined_names,
    drop_configs,
    exact_literals,
    export,
    find_class,
    fit_docstrings,
    inline_roots,
    mark_aliased,
    name_aliases,
    type_extras,
)
from pgmqgen.codegen.normalise import normalise
from pgmqgen.codegen.rings import find_far
from pgmqgen.codegen.shapes import Shape, class_of, class_ref, reach
from pgmqgen.errors import ConfigError, GenerateError

Imports: TypeAlias = Mapping[str, tuple[tuple[str, ...], str]]
"""Names of stubs in a module, each with the module and the name that it stands for."""

_FUTURE = "from __future__ import annotations\n"


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
    names: names of the module's own classes and unions, by such references
    bases: what each name was before it got a number
    """

    models: Models
    externals: Mapping[str, External]
    names: Mapping[str, str]
    bases: Mapping[str, str]


def make_models(
    schema: dict[str, Any] | bool,
    payload: str,
    *,
    taken: frozenset[str] = frozenset(),
    externals: Mapping[str, External] | None = None,
    module: tuple[str, ...] = ("queue", "models"),
    memory: Memory | None = None,
) -> Models:
    """Make a module that defines the type `payload`, and no name that is `taken`.

    externals: definitions of other modules, by reference; module: where below the generated
    package it is to be
    """
    with _refuse_deep(module):
        normal = normalise(schema, {"#": payload}, taken=taken, externals=externals)
        types = {payload: normal.shapes["#"]}
        kept = reach(types.values(), normal.classes)
        return _recall(memory, kept, types, normal.imports, module, payload)


def make_exports(
    names: Mapping[str, str], target: tuple[str, ...], module: tuple[str, ...]
) -> Models:
    """Make a module that only passes on what another one has, by the names that it has there."""
    lines = [_import_line(own, target, name, module) for name, own in sorted(names.items())]
    exported = tuple(sorted(names.values()))
    source = export(_FUTURE + "\n".join(lines) + "\n", exported)
    return Models(source=source, names=exported)


def make_definitions(
    schema: dict[str, Any],
    definitions: Mapping[str, str],
    others: Mapping[str, str],
    *,
    wanted: Collection[str],
    externals: Mapping[str, External],
    module: tuple[str, ...],
    place: tuple[str, ...],
    memory: Memory | None = None,
) -> Definitions:
    """Make a module of what stands at some references, each with a name for want of a title.

    The classes of `definitions` get their names before all others. Those that `wanted` does not
    lead to are left out. `place` is the module as other modules are relative to it.
    """
    with _refuse_deep(module):
        try:
            normal = normalise(schema, definitions, others=others, externals=externals)
        except RecursionError:  # in what nobody wants, maybe
            names = {ref: name for ref, name in {**definitions, **others}.items() if ref in wanted}
            normal = normalise(schema, names, externals=externals)
        kept = reach([normal.shapes[ref] for ref in wanted], normal.classes)
        imports = {own: place for own, place in normal.imports.items() if own in kept}
        unions = {name: normal.shapes[ref] for ref, name in normal.unions.items() if ref in wanted}
        models = _recall(memory, kept, unions, imports, place)
    found = {
        ref: External(module=module, shape=shape, classes=normal.classes, imports=normal.imports)
        for ref, shape in normal.shapes.items()
    }
    named = {ref: class_of(shape) for ref, shape in normal.shapes.items()}
    named = {ref: name for ref, name in named.items() if name and name not in normal.imports}
    return Definitions(
        models=models, externals=found, names={**named, **normal.unions}, bases=normal.bases
    )


@contextmanager
def _refuse_deep(module: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        message = f"the types of `{'.'.join(module)}` nest too deep: too many references in a row"
        hint = "let fewer definitions do nothing but hold another one, in a list or a union"
        raise GenerateError(message, hint=hint) from error


def _recall(memory: Memory | None, *parts: Any) -> Models:
    memory = memory or Memory()
    key = memory.key("models", json.dumps(parts))
    known = memory.find(key)
    if known is None:
        known = memory.keep(key, json.dumps(asdict(_make(*parts))))
    found = json.loads(known)
    names, members = tuple(found["names"]), tuple(found["members"])
    return Models(source=found["source"], names=names, members=members)


def _make(
    classes: Mapping[str, Shape],
    types: Mapping[str, Shape],
    imports: Imports,
    module: tuple[str, ...],
    payload: str = "",
) -> Models:
    """Make a module of classes, in which types of other shapes have names as well."""
    source, annotations = _generate(classes, types)
    aliases = {name for name, shape in types.items() if shape != class_ref(name)}
    if aliases:
        source = source.replace(_FUTURE, f"{_FUTURE}from typing import TypeAlias\n", 1)
    for name in filter(aliases.__contains__, types):
        source += f"\n\n{name}: TypeAlias = {ast.unparse(annotations[name])}\n"
    models = _finish(source, imports, module, payload)
    if not payload:
        return models
    return replace(models, members=_union_members(annotations[payload], models.names))


def _generate(
    classes: Mapping[str, Shape], types: Mapping[str, Shape]
) -> tuple[str, dict[str, ast.expr]]:
    """The source of classes, and the annotations that say shapes which refer to them."""
    carrier = carry(classes, {f"type_{place}": shape for place, shape in enumerate(types.values())})
    source = _edit(_run(json.dumps(carrier)))
    if far := find_far(classes):
        later = "from pgmqgen.runtime.models import Later\n"
        source = defer(source, far).replace(_FUTURE, _FUTURE + later, 1)
    node = find_class(source, ROOT)
    fields = [field.annotation for field in node.body if isinstance(field, ast.AnnAssign)]
    return cut(source, {ROOT}), dict(zip(types, fields, strict=True))


def _edit(source: str) -> str:
    source = inline_roots(drop_configs(source))
    edits = (
        (mark_aliased, "pgmqgen.runtime.models", "AliasedModel"),
        (exact_literals, "pgmqgen.runtime.models", "Exactly"),
        (type_extras, "pydantic", "Field"),
    )
    for edit, module, needed in edits:
        edited = edit(source)
        if edited != source:
            line = f"from {module} import {needed}\n"
            source = edited.replace(_FUTURE, _FUTURE + line, 1)
    return fit_docstrings(name_aliases(source))


def _finish(
    source: str,
    imports: Imports,
    module: tuple[str, ...],
    payload: str,
) -> Models:
    """Replace stubs by imports of the classes that they stand for."""
    source = cut(source, imports.keys())
    words = {*re.findall(r"\w+", source), payload}
    used = {own: place for own, place in imports.items() if own in words}
    names = tuple(sorted({*defined_names(source), *used}))
    if used:
        lines = [_import_line(own, *place, module) for own, place in used.items()]
        source = source.replace(_FUTURE, _FUTURE + "\n".join(lines) + "\n", 1)
        source = export(source, names)
    return Models(source=source, names=names)


def _run(shape: str) -> str:
    try:
        import datamodel_code_generator as dcg
    except ImportError as error:
        raise ConfigError(
            "the code generator is not installed", hint="install pgmqgen[codegen]"
        ) from error
    source = dcg.generate(
        shape,
        input_file_type=dcg.InputFileType.JsonSchema,
        output_model_type=dcg.DataModelType.PydanticV2BaseModel,
        target_python_version=dcg.PythonVersion.PY_311,
        class_name=ROOT,
        custom_file_header="# pgmqgen",
        disable_timestamp=True,
        allow_remote_refs=False,
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
    return source.removeprefix("# pgmqgen").lstrip()


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


def _import_line(own: str, target: tuple[str, ...], name: str, module: tuple[str, ...]) -> str:
    pairs = zip(module[:-1], target[:-1], strict=False)
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    path = "." * (len(module) - shared) + ".".join(target[shared:])
    return f"from {path} import {name}" + (f" as {own}" if own != name else "")
