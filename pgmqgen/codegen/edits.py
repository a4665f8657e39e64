"""Edits the source of a module of models: by the positions of its syntax tree, never as text."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Collection, Iterator, Mapping

from pgmqgen.codegen.shapes import EXTRA

_LINE_LENGTH = 100


def defined_names(source: str) -> tuple[str, ...]:
    names = []
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return tuple(sorted(names))


def find_class(source: str, name: str) -> ast.ClassDef:
    classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return next(node for node in classes if node.name == name)


def cut(source: str, names: Collection[str]) -> str:
    """Take classes out of a module."""
    if not names:
        return source
    lines = _lines(source)
    for node in reversed(ast.parse(source).body):
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.Assign(targets=[ast.Name(id=name)])
                | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name))))
            ) if name in names:
                del lines[node.lineno - 1 : node.end_lineno]
    return b"".join(lines).decode()


def inline_roots(source: str) -> str:
    """Say the type where datamodel-code-generator makes a name for it, or a class with a `root`."""
    roots = {
        name: annotation for node in ast.parse(source).body for name, annotation in _root_of(node)
    }
    texts = {name: ast.unparse(_Inliner(roots).visit(root)) for name, root in roots.items()}
    return _put(cut(source, texts), texts) if texts else source


def name_aliases(source: str) -> str:
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


def drop_configs(source: str) -> str:
    """Drop what datamodel-code-generator configures for types that pydantic does not know."""
    lines = _lines(source)
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(value=ast.Call(keywords=[ast.keyword(arg="arbitrary_types_allowed")])):
                lines[node.lineno - 1 : node.end_lineno] = [b"\n"] * _height(node)
            case ast.keyword(arg="arbitrary_types_allowed"):
                lines[node.lineno - 1] = b"\n"
    return b"".join(lines).decode()


def mark_aliased(source: str) -> str:
    """Base the open classes that have a field with an alias on a class of their own."""
    lines = _lines(source)
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(bases=[ast.Name(id="OpenModel") as base]) if any(
                isinstance(each, ast.keyword) and each.arg == "alias" for each in ast.walk(node)
            ):
                line = lines[base.lineno - 1]
                lines[base.lineno - 1] = (
                    line[: base.col_offset] + b"AliasedModel" + line[base.end_col_offset :]
                )
    return b"".join(lines).decode()


def type_extras(source: str) -> str:
    """Say as pydantic does what type the properties of a class have that are no fields."""
    lines = _lines(source)
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if name == EXTRA:
                text = f"    __pydantic_extra__: {ast.unparse(kind)} = Field(init=False)\n"
                lines[node.lineno - 1] = text.encode()
    return b"".join(lines).decode()


def plain_nulls(source: str) -> str:
    """Say `None` alone where datamodel-code-generator says the default beside it."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Subscript)]
    said = "Annotated[None, Field(None)]"
    return _replace(source, {node: "None" for node in found if ast.unparse(node) == said})


def exact_literals(source: str) -> str:
    """Put `Exactly` around literals that are not all text: pydantic takes True for 1."""
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"
    ]
    texts: dict[ast.expr, str] = {
        node: f"Exactly[{ast.unparse(node)}]" for node in found if not _is_of_texts(node)
    }
    return _replace(source, texts)


def _is_of_texts(literal: ast.Subscript) -> bool:
    values = literal.slice.elts if isinstance(literal.slice, ast.Tuple) else [literal.slice]
    return all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in values)


def fit_docstrings(source: str) -> str:
    """Put docstrings on the line of their quotes where they fit, and wrap long lines."""
    lines = _lines(source)
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    for node in sorted(found, key=lambda node: node.lineno, reverse=True):
        place = slice(node.lineno - 1, node.end_lineno)
        lines[place] = _fit_docstring(lines[place])
    return b"".join(lines).decode()


def _fit_docstring(lines: list[bytes]) -> list[bytes]:
    if len(lines) < 3:
        return lines
    opening, *text, closing = lines
    if len(text) == 1 and not text[0].rstrip().endswith((b'"', b"\\")):
        short = opening.rstrip() + text[0].strip() + closing.lstrip()
        if len(short.decode()) <= _LINE_LENGTH:
            return [short]
    return [opening, *(part for line in text for part in _wrap(line)), closing]


def _wrap(line: bytes) -> list[bytes]:
    text = line.decode()
    if len(text) <= _LINE_LENGTH or "\\" in text or text.lstrip().startswith("|"):
        return [line]  # an escape must stay whole, and a row of a table
    indent = text[: len(text) - len(text.lstrip())]
    wrapped = textwrap.wrap(
        text.strip(),
        _LINE_LENGTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{part}\n".encode() for part in wrapped]


def export(source: str, names: tuple[str, ...]) -> str:
    """Say in `__all__` what a module has, for what it imports is else not meant for others."""
    lines = _lines(source)
    body = ast.parse(source).body
    last = max(node.end_lineno or 0 for node in body if isinstance(node, ast.ImportFrom))
    lines.insert(last, f"\n__all__ = {list(names)!r}\n".encode())
    return b"".join(lines).decode()


def defer(source: str, far: Mapping[str, Collection[str]]) -> str:
    """Put `Later` around the types of fields that lead from a class to certain others."""
    found = [
        _deferrable(field)
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name in far
        for field in node.body
        if isinstance(field, ast.AnnAssign) and _names(field.annotation) & {*far[node.name]}
    ]
    lines = _lines(source)
    for node in reversed(found):
        before = lines[node.lineno - 1][: node.col_offset]
        after = lines[(node.end_lineno or 0) - 1][node.end_col_offset :]
        lines[node.lineno - 1 : node.end_lineno] = [before + _deferred(node).encode() + after]
    return b"".join(lines).decode()


def _deferrable(field: ast.AnnAssign) -> ast.expr:
    match field:
        case ast.AnnAssign(
            target=ast.Name(id="__pydantic_extra__"),
            annotation=ast.Subscript(slice=ast.Tuple(elts=[_, values])),
        ):
            return values  # for pydantic looks for a dict there
        case _:
            return field.annotation


def _deferred(annotation: ast.expr) -> str:
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *rest])):
            for call in rest:  # pydantic cannot look for a tag in what it does not build
                if isinstance(call, ast.Call):
                    call.keywords = [each for each in call.keywords if each.arg != "discriminator"]
            return f"Annotated[Later[{ast.unparse(kind)}], {', '.join(map(ast.unparse, rest))}]"
        case _:
            return f"Later[{ast.unparse(annotation)}]"


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _root_of(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.ClassDef(name=name, bases=[base]) if ast.unparse(base).startswith("RootModel"):
            field = next(field for field in node.body if isinstance(field, ast.AnnAssign))
            yield name, _without_lengths(field.annotation)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(args=[_, root])):
            yield name, root


def _without_lengths(annotation: ast.expr) -> ast.expr:
    """The annotation without the length of a tuple, which that says itself."""
    match annotation:
        case ast.Subscript(slice=ast.Tuple(elts=[inner, ast.Call(keywords=keywords)])) if all(
            keyword.arg in ("max_length", "min_length") for keyword in keywords
        ):
            return inner
    return annotation


class _Inliner(ast.NodeTransformer):
    """Puts types where their names stand."""

    def __init__(self, roots: Mapping[str, ast.expr]) -> None:
        self._roots = roots

    def visit_Name(self, node: ast.Name) -> ast.expr:
        root = self._roots.get(node.id)
        return node if root is None else self.visit(copy.deepcopy(root))


def _put(source: str, texts: Mapping[str, str]) -> str:
    """Put some text wherever one of some names stands."""
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and node.id in texts
    ]
    return _replace(source, {node: texts[node.id] for node in found})


def _replace(source: str, texts: Mapping[ast.expr, str]) -> str:
    """Put some text in place of expressions, each on one line."""
    lines = _lines(source)
    for node in sorted(texts, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = (
            line[: node.col_offset] + texts[node].encode() + line[node.end_col_offset :]
        )
    return b"".join(lines).decode()


def _height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _lines(source: str) -> list[bytes]:
    """Lines as the parser counts them: str.splitlines has more ends, and columns are bytes."""
    return source.encode().splitlines(keepends=True)
