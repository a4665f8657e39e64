"""A walk of random edits: `generate` writes and says what it would in a new folder."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgmqgen.codegen.build import build, finish
from pgmqgen.codegen.pool import Pool
from pgmqgen.config import load_config
from pgmqgen.diagnostics import Diagnostic

STEPS = 12
QUEUES = ("a.json", "b.json", "c_d.json")
SHARED = ("shared/x.json", "shared/y.json")
CONFIGS = ("", 'templates = "own"\n', "[defaults]\nmax_attempts = 7\n")
Edit = Callable[[random.Random, Path], None]


def _generate(folder: Path) -> tuple[dict[str, bytes], tuple[Diagnostic, ...]]:
    """What is written, and what is said."""
    config = load_config(folder)
    with Pool() as pool:
        made = build(config, pool)
        finish(made, config)
    files = (path for path in config.output.rglob("*") if path.is_file())
    tree = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return tree, made.diagnostics


def _part(chance: random.Random) -> dict[str, Any]:
    """A schema; what it refers to is in every shared file."""
    kind = {"type": chance.choice(["string", "integer"])}
    title = chance.choice(["Thing", "Other"])
    return chance.choice(
        [
            kind,
            {"type": "array", "items": {"$ref": f"{chance.choice(SHARED)}#/$defs/t"}},
            {"$ref": chance.choice(SHARED)},
            {"type": "object", "title": title, "properties": {"v": kind}},
            _union({"$ref": f"{chance.choice(SHARED)}#/$defs/t"}, {"properties": {"w": kind}}),
        ]
    )


def _union(*branches: dict[str, Any]) -> dict[str, Any]:
    """A union about which there may be something to say."""
    return {"anyOf": [{"type": "object", "required": ["w"], **branch} for branch in branches]}


def _edit_queue(chance: random.Random, folder: Path) -> None:
    names = chance.sample(["p", "q", "class", "r-s"], 2)
    schema = {"type": "object", "properties": {name: _part(chance) for name in names}}
    (folder / "schemas" / chance.choice(QUEUES)).write_text(json.dumps(schema))


def _edit_shared(chance: random.Random, folder: Path) -> None:
    kind = {"type": chance.choice(["string", "integer"])}
    schema = {
        "type": "object",
        "title": chance.choice(["Thing", "Other"]),
        "properties": {"v": kind},
    }
    text = json.dumps({**schema, "$defs": {"t": {"type": "object", "properties": {"w": kind}}}})
    (folder / "schemas" / chance.choice(SHARED)).write_text(text)


def _rename_queue(chance: random.Random, folder: Path) -> None:
    path = chance.choice(sorted((folder / "schemas").glob("*.json")))
    renamed = path.rename(path.with_name(chance.choice(QUEUES)))
    handlers = folder / "generated" / "handlers"
    (handlers / f"{path.stem}.py").rename(handlers / f"{renamed.stem}.py")


def _edit_config(chance: random.Random, folder: Path) -> None:
    (folder / "pgmqgen.toml").write_text(chance.choice(CONFIGS))


def _edit_template(chance: random.Random, folder: Path) -> None:
    (folder / "own" / "package.py.jinja").write_text(f'"""{chance.random()}"""\n')


def _remove_output(chance: random.Random, folder: Path) -> None:
    paths = (folder / "generated").rglob("models.py")
    chance.choice(sorted(paths)).unlink()


EDITS: tuple[Edit, ...] = (
    _edit_queue, _edit_shared, _rename_queue, _edit_config, _edit_template, _remove_output,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_edits_in_any_order_end_in_what_a_new_folder_gets(tmp_path: Path, seed: int) -> None:
    chance, folder = random.Random(seed), tmp_path / "project"
    for name in ("schemas/shared", "own"):
        (folder / name).mkdir(parents=True)
    (folder / "pgmqgen.toml").touch()
    for name in (*SHARED, QUEUES[0]):
        (folder / "schemas" / name).write_text('{"type": "object", "$defs": {"t": {}}}')
    _generate(folder)
    for step in range(STEPS):
        edit = chance.choice(EDITS)
        edit(chance, folder)
        new = tmp_path / str(step)
        shutil.copytree(folder, new, ignore=shutil.ignore_patterns("generated", ".pgmqgen"))
        handlers = Path("generated", "handlers")  # are written once, and then the user's
        shutil.copytree(folder / handlers, new / handlers)
        assert _generate(folder) == _generate(new), edit.__name__
