"""What `generate` keeps between runs: it spares work, and never changes what comes out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgmqgen.memory import read_entry, write_entry

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, run_pgmqgen: Run) -> Path:
    """A generated project that reads files of every kind."""
    root = tmp_path_factory.mktemp("original")
    for folder in ("schemas/shared", "vendor", "own", "far"):
        (root / folder).mkdir(parents=True)
    (root / "pgmqgen.toml").write_text(
        'templates = "own"\n[vendored]\n"https://example.com/" = "vendor"\n'
    )
    (root / "own" / "package.py.jinja").write_text('"""Mine."""\n')
    refs = ["shared/a.json", "https://example.com/b.json", "../far/c.json"]
    properties = {f"p{place}": {"$ref": ref} for place, ref in enumerate(refs)}
    schema = {"type": "object", "properties": properties}
    (root / "schemas" / "q.json").write_text(json.dumps(schema))
    (root / "schemas" / "r.json").write_text(json.dumps({"type": "object"}))
    for path in ("schemas/shared/a.json", "vendor/b.json", "far/c.json"):
        _write(root / path, "integer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert run_pgmqgen("generate").returncode == 0
    return root


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the original, as the current folder."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(path: Path, kind: str) -> None:
    path.write_text(json.dumps({"type": "object", "properties": {"n": {"type": kind}}}))


def _tree(project: Path) -> dict[str, bytes]:
    files = (path for path in (project / "generated").rglob("*") if path.is_file())
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def _without_compiler(project: Path) -> dict[str, str]:
    """An environment in which the code generator cannot be imported."""
    shadow = project / "shadow"
    shadow.mkdir(exist_ok=True)
    (shadow / "datamodel_code_generator.py").write_text("raise SystemExit('imported')\n")
    return {"PYTHONPATH": str(shadow)}


def test_what_is_unchanged_is_not_compiled(project: Path, run_pgmqgen: Run) -> None:
    env = _without_compiler(project)
    again = run_pgmqgen("generate", env=env)
    assert (again.returncode, again.stderr) == (0, "")
    assert run_pgmqgen("generate", "--check", env=env).returncode == 0
    (project / "schemas" / "r.json").unlink()
    (project / "generated" / "handlers" / "r.py").unlink()
    assert run_pgmqgen("generate", env=env).returncode == 0  # nor are the other queues
    _write(project / "schemas" / "q.json", "string")
    changed = run_pgmqgen("generate", env=env)
    assert "imported" in changed.stderr


def test_the_summary_is_the_same(project: Path, run_pgmqgen: Run) -> None:
    kept = run_pgmqgen("generate")
    shutil.rmtree(project / ".pgmqgen")
    anew = run_pgmqgen("generate")
    assert kept.stdout == anew.stdout


@pytest.mark.parametrize(
    "path",
    ["schemas/q.json", "schemas/shared/a.json", "vendor/b.json", "far/c.json"],
)
def test_every_input_counts(project: Path, run_pgmqgen: Run, path: str) -> None:
    _write(project / path, "string")
    assert run_pgmqgen("generate", "--check").returncode == 1
    assert run_pgmqgen("generate").returncode == 0
    written = _tree(project)
    shutil.rmtree(project / ".pgmqgen")
    assert run_pgmqgen("generate").returncode == 0
    assert _tree(project) == written


def test_templates_and_configuration_count(project: Path, run_pgmqgen: Run) -> None:
    (project / "own" / "package.py.jinja").write_text('"""Yours."""\n')
    stale = run_pgmqgen("generate", "--check")
    assert stale.stdout.splitlines() == ["generated/__init__.py", "generated/manifest.json"]
    run_pgmqgen("generate")
    (project / "own" / "validator.py.jinja").write_text("# mine\n")
    assert run_pgmqgen("generate", "--check").returncode == 1
    run_pgmqgen("generate", "--force")
    with (project / "pgmqgen.toml").open("a") as config:
        config.write("[defaults]\ntimeout = 5\n")
    assert "generated/registry.py" in run_pgmqgen("generate", "--check").stdout


def test_outputs_count(project: Path, run_pgmqgen: Run) -> None:
    models = project / "generated" / "q" / "models.py"
    models.write_text(models.read_text() + "# edited\n")
    assert run_pgmqgen("generate", "--check").stdout == "generated/q/models.py\n"
    models.unlink()
    assert run_pgmqgen("generate", "--check").stdout == "generated/q/models.py\n"
    assert run_pgmqgen("generate").returncode == 0
    (project / "generated" / "manifest.json").unlink()
    assert run_pgmqgen("generate", "--check").returncode == 1
    (project / "generated" / "handlers" / "q.py").unlink()
    assert "generated/handlers/q.py" in run_pgmqgen("generate", "--check").stdout


@pytest.mark.parametrize("damage", ["", "{}", "\x00\xff", '{"a": 1}\n{"b"'])
def test_a_damaged_cache_costs_time_only(project: Path, run_pgmqgen: Run, damage: str) -> None:
    before = _tree(project)
    for path in (project / ".pgmqgen" / "cache").iterdir():
        path.write_text(damage)
    done = run_pgmqgen("generate")
    assert (done.returncode, done.stderr) == (0, "")
    assert _tree(project) == before


def test_a_damaged_text_is_not_believed(project: Path, run_pgmqgen: Run) -> None:
    memory = project / ".pgmqgen" / "cache" / "memory"
    memory.write_bytes(memory.read_bytes().replace(b"OpenModel", b"SpenModel"))
    (project / ".pgmqgen" / "cache" / "receipt").unlink()
    before = _tree(project)
    assert run_pgmqgen("generate").returncode == 0
    assert _tree(project) == before


def test_a_warning_is_said_again(project: Path, run_pgmqgen: Run) -> None:
    schema = {"properties": {"n": {"type": "integer"}}}  # without `type: object`
    (project / "schemas" / "r.json").write_text(json.dumps(schema))
    first = run_pgmqgen("generate")
    assert "PGQ113" in first.stderr
    assert run_pgmqgen("generate").stderr == first.stderr


def test_what_was_found_is_recalled(project: Path, run_pgmqgen: Run) -> None:
    memory = project / ".pgmqgen" / "cache" / "memory"
    (project / "schemas" / "r.json").write_text(
        json.dumps({"type": "object", "properties": {}, "required": ["a"]})
    )
    assert "names `a`" in run_pgmqgen("generate").stderr
    write_entry(memory, _replace(read_entry(memory), "names `a`", "recalls `a`"))
    (project / ".pgmqgen" / "cache" / "receipt").unlink()
    assert "recalls `a`" in run_pgmqgen("generate").stderr


def _replace(texts: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {key: text.replace(old, new) for key, text in texts.items()}


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("schemas/shared/a.json", "shared/a.json"),
        ("vendor/b.json", "https://example.com/b.json"),
        ("far/c.json", "../far/c.json"),
    ],
)
def test_a_finding_hangs_on_other_files(
    project: Path, run_pgmqgen: Run, path: str, reference: str
) -> None:
    branches = [{"$ref": reference}, {"properties": {"n": {"type": "integer"}}}]
    union = {"anyOf": [{"type": "object", "required": ["n"], **each} for each in branches]}
    (project / "schemas" / "r.json").write_text(json.dumps(union))
    first = run_pgmqgen("generate")
    assert first.returncode == 0
    assert "branches 1 and 2 of `anyOf` cannot be told apart" in first.stderr
    _write(project / path, "string")
    assert run_pgmqgen("generate").stderr == ""


def test_many_schemas_come_out_as_few_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_pgmqgen: Run
) -> None:
    """Many are compiled by several processes, few by one."""
    monkeypatch.chdir(tmp_path)
    trees = []
    for count in (25, 5):
        folder = tmp_path / str(count)
        _write_catalogue(folder, count)
        monkeypatch.chdir(folder)
        made = run_pgmqgen("generate")
        assert (made.returncode, made.stderr) == (0, "")
        trees.append(_tree(folder))
    many, few = trees
    queues = [name for name in few if name.startswith("generated/q_")]
    assert len(queues) == 20
    assert {name: many[name] for name in queues} == {name: few[name] for name in queues}


def _write_catalogue(folder: Path, count: int) -> None:
    (folder / "schemas" / "shared").mkdir(parents=True)
    _write(folder / "schemas" / "shared" / "a.json", "integer")
    for number in range(count):
        properties = {"a": {"$ref": "shared/a.json"}, f"b{number}": {"type": "string"}}
        schema = {"type": "object", "properties": properties}
        (folder / "schemas" / f"q_{number}.json").write_text(json.dumps(schema))
