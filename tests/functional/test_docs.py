"""`pgmqgen docs`: the AsyncAPI document, by the official parser, and what is on the pages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pgmqgen.cli.app import run

REPOSITORY = Path(__file__).parents[2]
CATALOGUE = Path(__file__).parent / "catalogue"
_NODE = Path(sys.prefix) / "node"


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project with many kinds of schema, as the current folder."""
    folder = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (_NODE / "node_modules").is_dir(), reason="`make setup` found no npm to install the parser"
)
@pytest.mark.parametrize("project", [REPOSITORY, CATALOGUE], ids=["example", "catalogue"])
def test_official_parser(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    assert run(["docs", "--format", "asyncapi"]) == 0
    done = subprocess.run(
        ["node", str(REPOSITORY / "tests" / "node" / "parse.mjs"), str(_NODE)],
        input=capsys.readouterr().out, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    queues = len(list((project / "schemas").glob("*.*")))
    assert found["problems"] == []
    assert (len(found["channels"]), found["operations"]) == (queues, 2 * queues)
    assert sum(found["examples"]) >= queues - 1


def test_output_is_the_same_twice(catalogue: Path) -> None:
    assert run(["docs"]) == 0
    first = {path: path.read_bytes() for path in (catalogue / "site").rglob("*.*")}
    assert run(["docs", "--output", "again"]) == 0
    assert {catalogue / "again" / path.relative_to(catalogue / "site"): text
            for path, text in first.items()} == {
        path: path.read_bytes() for path in (catalogue / "again").rglob("*.*")
    }  # fmt: skip


def test_check(catalogue: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs"]) == 0
    assert run(["docs", "--check"]) == 0
    capsys.readouterr()
    schema = catalogue / "schemas" / "old.yaml"
    schema.write_text(schema.read_text().replace("title: Old", "title: Older"))
    assert run(["docs", "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "asyncapi.json", "index.html", "manifest.json", "queues/old.html",
    ]  # fmt: skip


def test_hostile_text_stays_text(catalogue: Path) -> None:
    assert run(["docs"]) == 0
    page = (catalogue / "site" / "queues" / "hostile.html").read_text()
    tags = _Tags()
    tags.feed(page)
    assert not {"script", "img", "b", "i"} & tags.names
    assert tags.handlers == []
    assert not any(link.startswith("javascript:") for link in tags.links)
    assert page.count("<h1") == 1
    assert "{{ 7 * 7 }}" in page


def test_only_valid_examples_are_shown(catalogue: Path) -> None:
    assert run(["docs"]) == 0
    page = (catalogue / "site" / "queues" / "invoice.html").read_text()
    assert page.count("<h4>Example") == 1
    assert "7f3f2a52-22a9-4b0e-8f44-0a3d3f1f7a11" in page


def test_changes_come_from_git(catalogue: Path) -> None:
    _git("init", "-q")
    _commit("Begin")
    schema = catalogue / "schemas" / "old.yaml"
    schema.write_text(
        schema.read_text()
        + "  name: {type: string}\nx-pgmq: {timeout: 7}\nif: {}\nthen: {properties: {late: {type: string}}}\n"
    )
    _commit("Name & <limit>")
    assert run(["docs"]) == 0
    page = (catalogue / "site" / "changes.html").read_text()
    assert page.index("Name &amp; &lt;limit&gt;") < page.index("Begin")
    assert '<span class="mark added">added</span><code>name</code>' in page
    assert "<code>late</code> where a condition holds" in page
    assert "<code>x-pgmq.timeout</code>" in page
    assert run(["docs", "--no-changes"]) == 0
    assert not (catalogue / "site" / "changes.html").exists()


def _commit(subject: str) -> None:
    _git("add", "-A")
    _git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qm", subject)


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, timeout=30)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.handlers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name == "href"]
