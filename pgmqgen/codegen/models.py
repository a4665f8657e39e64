"""Drafts -> the source of pydantic models, by datamodel-code-generator: its one importer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from pgmqgen.codegen.carrier import ROOT, carry
from pgmqgen.codegen.drafts import Draft, refuse_deep
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
    plain_nulls,
    type_extras,
)
from pgmqgen.codegen.rings import find_far
from pgmqgen.codegen.shapes import Shape, class_ref
from pgmqgen.errors import ConfigError, GenerateError

_FUTURE = "from __future__ import annotations\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The source of a module of models.

    names: what it defines or imports; members: classes of the payload, if that is a union
    """

    source: str
    names: tuple[str, ...]
    members: tuple[str, ...] = ()


def make_models(draft: Draft) -> Models:
    """Make a module of classes, in which types of other shapes have names as well.

    Raises ConfigError without the code generator, and GenerateError if the types nest too deep.
    """
    with refuse_deep(draft.module):
        source, annotations = _generate(draft.classes, draft.types)
        aliases = {name for name, shape in draft.types.items() if shape != class_ref(name)}
        if aliases:
            source = source.replace(_FUTURE, f"{_FUTURE}from typing import TypeAlias\n", 1)
        for name in filter(aliases.__contains__, draft.types):
            source += f"\n\n{name}: TypeAlias = {ast.unparse(annotations[name])}\n"
        models = _finish(source, draft)
        if not draft.payload:
            return models
        members = _union_members(annotations[draft.payload], models.names)
        return replace(models, members=members)


def make_exports(
    names: Mapping[str, str], target: tuple[str, ...], module: tuple[str, ...]
) -> Models:
    """Make a module that only passes on what another one has, by the names that it has there."""
    lines = [_import_line(own, target, name, module) for name, own in sorted(names.items())]
    exported = tuple(sorted(names.values()))
    source = export(_FUTURE + "\n".join(lines) + "\n", exported)
    return Models(source=source, names=exported)


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
    source = plain_nulls(inline_roots(drop_configs(source)))
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


def _finish(source: str, draft: Draft) -> Models:
    """Replace stubs by imports of the classes that they stand for."""
    source = cut(source, draft.imports.keys())
    words = {*re.findall(r"\w+", source), draft.payload}
    used = {own: place for own, place in draft.imports.items() if own in words}
    names = tuple(sorted({*defined_names(source), *used}))
    if used:
        lines = [_import_line(own, *place, draft.module) for own, place in used.items()]
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
