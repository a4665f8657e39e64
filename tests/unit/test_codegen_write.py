"""Comparing with the disk, and writing all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgmqgen.codegen.plan import Policy
from pgmqgen.codegen.render import RenderedFile
from pgmqgen.codegen.write import Comparison, compare, write
from pgmqgen.errors import GenerateError


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "generated"


def _files(output: Path, *, policy: Policy = "overwrite", **texts: str) -> list[RenderedFile]:
    return [
        RenderedFile(path=output / f"{name}.py", text=text, policy=policy)
        for name, text in texts.items()
    ]


def _generate(output: Path, files: list[RenderedFile]) -> Comparison:
    comparison = compare(files, output)
    assert comparison.edited == ()
    write(comparison)
    return comparison


def _tree(output: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(output.rglob("*")) if p.is_file()}


def test_a_second_run_writes_nothing(output: Path) -> None:
    _generate(output, _files(output, a="1", b="2"))
    again = compare(_files(output, a="1", b="2"), output)
    assert (again.changed, again.removed, again.unchanged) == ({}, (), 2)


def test_only_what_changed_is_written(output: Path) -> None:
    _generate(output, _files(output, a="1", b="2"))
    changed = _generate(output, _files(output, a="1", b="3"))
    assert {path.name for path in changed.changed} == {"b.py", "manifest.json"}
    assert _tree(output)["b.py"] == "3"


def test_stale_files_are_pruned(output: Path) -> None:
    _generate(output, _files(output, a="1", **{"queue/old": "2"}))
    (output / "queue" / "__pycache__").mkdir()
    (output / "queue" / "__pycache__" / "old.pyc").touch()
    (output / "mine.py").write_text("mine")
    _generate(output, _files(output, a="1"))
    assert _tree(output).keys() == {"a.py", "mine.py", "manifest.json"}
    assert not (output / "queue").exists()


def test_a_folder_with_foreign_files_stays(output: Path) -> None:
    _generate(output, _files(output, **{"queue/old": "2"}))
    (output / "queue" / "mine.py").touch()
    _generate(output, [])
    assert [path.name for path in (output / "queue").iterdir()] == ["mine.py"]


def test_created_files_are_written_once(output: Path) -> None:
    _generate(output, _files(output, policy="create", stub="empty"))
    (output / "stub.py").write_text("filled in")
    _generate(output, _files(output, policy="create", stub="new template"))
    _generate(output, [])
    assert _tree(output) == {"stub.py": "filled in", "manifest.json": '{\n  "files": {}\n}\n'}


@pytest.mark.parametrize("after", [{"a": "2", "b": "2"}, {"b": "2"}, {"a": "1", "b": "2"}])
def test_edited_files_are_reported(output: Path, after: dict[str, str]) -> None:
    _generate(output, _files(output, a="1", b="2"))
    (output / "a.py").write_text("by hand")
    comparison = compare(_files(output, **after), output)
    assert comparison.edited == (output / "a.py",)
    assert output / "a.py" in comparison.stale
    write(comparison)
    assert _tree(output).get("a.py") == after.get("a")


def test_files_that_are_not_ours_are_reported(output: Path) -> None:
    output.mkdir()
    (output / "a.py").write_text("somebody's")
    assert compare(_files(output, a="1"), output).edited == (output / "a.py",)


@pytest.mark.parametrize(
    "manifest", ["<<<<<<< HEAD", "[]", '{"files": 3}', '{"files": {"../x.py": "f"}}']
)
def test_a_manifest_that_cannot_be_read_owns_nothing(output: Path, manifest: str) -> None:
    _generate(output, _files(output, a="1"))
    (output.parent / "x.py").write_text("outside")
    (output / "manifest.json").write_text(manifest)
    again = _generate(output, _files(output, a="1"))
    assert list(again.changed) == [output / "manifest.json"]
    assert (output.parent / "x.py").exists()


def test_other_line_ends_are_no_edit(output: Path) -> None:
    _generate(output, _files(output, a="1\n2\n"))
    (output / "a.py").write_bytes(b"1\r\n2\r\n")
    assert compare(_files(output, a="1\n2\n"), output).stale == ()
    assert compare(_files(output, a="3\n"), output).edited == ()


def test_the_manifest_lists_hashes_in_order(output: Path) -> None:
    _generate(output, _files(output, b="2", a="1"))
    files = json.loads((output / "manifest.json").read_text())["files"]
    assert list(files) == ["a.py", "b.py"]
    assert all(len(value) == 64 for value in files.values())


def test_nothing_is_left_of_a_write_that_fails(output: Path) -> None:
    _generate(output, _files(output, a="1", gone="x", z="1"))
    before = _tree(output)
    (output / "blocked.py").mkdir()  # a folder where a file is to be written
    comparison = compare(_files(output, a="2", fresh="2", z="2"), output)
    changed = {**comparison.changed, output / "blocked.py": b"3"}
    broken = Comparison(changed=changed, removed=comparison.removed, unchanged=0, edited=())
    with pytest.raises(GenerateError) as caught:
        write(broken)
    assert caught.value.hint == "nothing was changed"
    assert _tree(output) == before
