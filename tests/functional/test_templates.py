"""Templates: listed, copied, and each of them overridden."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgmqgen.codegen.plan import plan
from pgmqgen.config import load_config
from pgmqgen.schema.load import load

Run = Callable[..., subprocess.CompletedProcess[str]]
REPOSITORY = Path(__file__).parents[2]
SHIPPED = sorted(
    path.relative_to(REPOSITORY / "templates").as_posix()
    for path in (REPOSITORY / "templates").rglob("*.jinja")
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgmqgen.toml").write_text('templates = "own"\n')
    (tmp_path / "own").mkdir()
    (tmp_path / "schemas" / "shared").mkdir(parents=True)
    (tmp_path / "schemas" / "ping.json").write_text('{"$ref": "shared/a.json"}')
    shared = '{"type": "object", "properties": {"n": {"type": "integer"}}}'
    (tmp_path / "schemas" / "shared" / "a.json").write_text(shared)
    return tmp_path


def test_each_template_can_be_overridden(project: Path, run_pgmqgen: Run) -> None:
    """Every template gets a mark, and every file that is generated has it."""
    for name in SHIPPED:
        done = run_pgmqgen("templates", "eject", name)
        assert (done.returncode, done.stdout) == (0, f"own/{name}\n"), done.stderr
        copy = project / "own" / name
        assert copy.read_bytes() == (REPOSITORY / "templates" / name).read_bytes()
        mark = "/* mine */" if "css" in name else "<!-- mine -->" if "html" in name else "# mine"
        copy.write_text(_marked(copy.read_text(), mark))
    assert run_pgmqgen("generate").returncode == 0
    files = list((project / "generated").rglob("*.py"))
    files.append(project / "generated" / "py.typed")
    assert [path for path in files if "# mine" not in path.read_text()] == []
    assert run_pgmqgen("docs").returncode == 0
    pages = list((project / "site").rglob("*.html"))
    assert pages
    assert [page for page in pages if "/* mine */" not in page.read_text()] == []


def _marked(text: str, mark: str) -> str:
    """The template with a mark after what it begins with: comments and tags."""
    if "{% extends" in text or "{% macro" in text:
        return text
    head = re.match(r"(\{#.*?#\}\n|<!doctype html>\n|\{%.*?%\}\n)*", text, re.IGNORECASE)
    assert head
    return f"{head[0]}{mark}\n{text[head.end() :]}"


def test_list_says_what_is_overridden(project: Path, run_pgmqgen: Run) -> None:
    (project / "own" / "package.py.jinja").write_text('"""Mine."""\n')
    done = run_pgmqgen("templates", "list")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == SHIPPED
    assert (
        "package.py.jinja            The generated package [overridden by own/package.py.jinja]"
        in lines
    )
    assert sum("overridden" in line for line in lines) == 1


def test_eject_overwrites_only_when_told(project: Path, run_pgmqgen: Run) -> None:
    own = project / "own" / "package.py.jinja"
    own.write_text("mine")
    done = run_pgmqgen("templates", "eject", "package.py.jinja")
    assert done.returncode == 1
    assert "is there already\nhelp: overwrite it with --force\n" in done.stderr
    assert own.read_text() == "mine"
    assert run_pgmqgen("templates", "eject", "package.py.jinja", "--force").returncode == 0
    assert own.read_text() != "mine"


def test_eject_without_a_configured_folder(project: Path, run_pgmqgen: Run) -> None:
    (project / "pgmqgen.toml").write_text("")
    done = run_pgmqgen("templates", "eject", "docs/style.css.jinja")
    assert done.stdout == "templates/docs/style.css.jinja\n"
    assert (
        done.stderr == 'help: to use it, write `templates = "templates"` into the configuration\n'
    )


def test_wrong_names(project: Path, run_pgmqgen: Run) -> None:
    done = run_pgmqgen("templates", "eject", "handlr.py.jinja")
    assert done.returncode == 2
    assert done.stderr == (
        "error: there is no template `handlr.py.jinja`\nhelp: did you mean `handler.py.jinja`?\n"
    )
    far = run_pgmqgen("templates", "eject", "nope.jinja")
    assert far.stderr == (
        "error: there is no template `nope.jinja`\nhelp: `pgmqgen templates list` shows the names\n"
    )
    (project / "own" / "handlr.py.jinja").write_text("")
    (project / "own" / "_part.jinja").write_text("")
    done = run_pgmqgen("generate")
    assert done.returncode == 0
    assert done.stderr == (
        "warning: `own/handlr.py.jinja` overrides no template\n"
        "help: did you mean `handler.py.jinja`?\n"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ queue.nme }}", "the template `producer.py.jinja` fails: 'dict object' has no attribute 'nme'"),
        ("\n{% if %}", "the template `producer.py.jinja`:2 fails: "),
        ("{{ queues }}", "the template `producer.py.jinja` fails: 'queues' is undefined"),
        ("\n\ndef", "`generated/ping/producer.py` is not Python, in line 3: invalid syntax"),
    ],
)  # fmt: skip
def test_a_template_that_fails(
    project: Path, run_pgmqgen: Run, template: str, message: str
) -> None:
    (project / "own" / "producer.py.jinja").write_text(template)
    done = run_pgmqgen("generate")
    assert done.returncode == 1
    assert message in done.stderr
    assert "producer.py" in done.stderr
    assert not (project / "generated").exists()


def test_the_page_describes_the_whole_context(project: Path) -> None:
    config = load_config(project)
    page = (REPOSITORY / "docs" / "templates.md").read_text().split("## Context")[1]
    first, second = page.split("A queue has:")
    rows = [line.split("|")[1:3] for line in first.splitlines() if line.startswith("| `")]
    described = {
        name: set(re.findall(r"`(\w+)`:", variables))
        for names, variables in ((row[0], row[1]) for row in rows)
        for name in re.findall(r"`([^`]+)`", names)
    }
    jobs = list(plan(load(config), config))
    assert described == {job.template: set(job.context) for job in jobs}
    attributes = {
        name
        for line in second.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert attributes == set(next(job.context["queue"] for job in jobs if "queue" in job.context))
