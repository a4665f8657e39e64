"""Text of a schema never becomes code, whatever it says."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

_CANARY = "__import__('pathlib').Path('canary').touch()"
TEXTS = [
    f'"""\n{_CANARY}\n"""',
    f"'''\n{_CANARY}\n'''",
    f'"\n{_CANARY}\n"',
    f"\\\n{_CANARY}",
    f'\\"""\n{_CANARY}\n\\"""',
    f'text"""; {_CANARY}; """',
    f"\r{_CANARY}\r",
    f"\x0c{_CANARY}",
    f"\x85{_CANARY}",
    f"\u2028{_CANARY}\u2029{_CANARY}",
    f"# \n{_CANARY}",
    f"{{{{ {_CANARY} }}}} {{% for x in range(9) %}}{{{{ x }}}}{{% endfor %}} {{# x #}}",
    f"{{{_CANARY}}}",
    f"*/ {_CANARY} --",
    "ends with a backslash \\",
    'ends with a quote "',
    '""" " """ \\" \\\\',
    "\u202e\u2066 bidi \u2069",
    "\ud83d\ude00 \u0000 \x1b[31m \x7f",
    "%s %(x)s {0} {x!r} \\N{DASH} \\x41 \\u0041",
]
_STATEMENTS = (
    ast.AnnAssign, ast.Assign, ast.ClassDef, ast.FunctionDef, ast.If, ast.ImportFrom, ast.Match,
    ast.Raise,
)  # fmt: skip


def _schema(text: str) -> dict[str, Any]:
    """A schema that has a text wherever it may have one."""
    hostile = {
        "title": text,
        "description": text,
        "$comment": text,
        "default": text,
        "examples": [text],
        "x-unknown": text,
    }
    return {
        **hostile,
        "type": "object",
        "properties": {
            text: {**hostile, "type": "string"},
            "const": {**hostile, "const": text},
            "enum": {**hostile, "enum": [text, "other", 3, None]},
            "inner": {**hostile, "type": "object", "properties": {text: {"const": text}}},
            "ref": {"$ref": "#/$defs/part"},
            "tagged": {"oneOf": [{"$ref": "#/$defs/one"}, {"$ref": "#/$defs/two"}]},
            "format": {"type": "string", "contentMediaType": text},
        },
        "required": [text],
        "dependentRequired": {text: ["inner"]},
        "$defs": {
            "part": {**hostile, "enum": [text, [text], {text: text}]},
            "one": {**hostile, "type": "object", "required": ["k"], "properties": {"k": {"const": text}}},
            "two": {"type": "object", "required": ["k"], "properties": {"k": {"const": "2"}}},
        },
    }  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    (tmp_path / "pgmqgen.toml").write_text('output = "hostile"\n[lint]\nignore = ["*"]\n')
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "hostile"]:
        del sys.modules[name]


def test_no_text_becomes_code(project: Path, run_pgmqgen: Run) -> None:
    for number, text in enumerate(TEXTS):
        schema = _schema(text)
        queue = {"$ref": f"shared/s{number}.json"} if number % 2 else schema
        shared = project / "schemas" / "shared" / f"s{number}.json"
        shared.write_text(json.dumps(schema))
        (project / "schemas" / f"q{number}.json").write_text(json.dumps(queue))
    done = run_pgmqgen("generate")
    assert done.returncode == 0, done.stderr
    for path in sorted((project / "hostile").rglob("*.py")):
        _check(path)
        dotted = path.relative_to(project).with_suffix("").parts
        importlib.import_module(".".join(dotted).removesuffix(".__init__"))
    assert not (project / "canary").exists()
    registry = importlib.import_module("hostile.registry").registry
    for number, text in enumerate(TEXTS):
        value = {text: "x", "inner": {text: text}, "const": text, "enum": text, "ref": {text: text},
                 "tagged": {"k": text}}  # fmt: skip
        contract = registry[f"q{number}"].contract
        if "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
            decoded = contract.decode(json.dumps(value))
            assert json.loads(contract.encode(decoded)) == value


def _check(path: Path) -> None:
    """Only statements that generated files have, and texts that stand as texts."""
    for node in ast.parse(path.read_text()).body:
        expression = isinstance(node, ast.Expr)
        if expression and isinstance(node.value, ast.Constant):
            continue
        rebuild = expression and ast.unparse(node).endswith(".model_rebuild()")
        assert rebuild or isinstance(node, _STATEMENTS), f"{path}: {ast.unparse(node)}"
        for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
            assert "__import__" not in ast.unparse(call.func), f"{path}: {ast.unparse(call)}"
