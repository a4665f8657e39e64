"""`pgmqgen generate`, run as a user does."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
OUTPUT = "generated"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two queues, as the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgmqgen.toml").touch()
    _write_schema(tmp_path, "ping", {"type": "object", "properties": {"n": {"type": "integer"}}})
    _write_schema(tmp_path, "send_email", {"title": "Email", "type": "object"})
    return tmp_path


def _write_schema(folder: Path, name: str, schema: Any) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / "schemas" / f"{name}.json").write_text(json.dumps(schema))


def _tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted((folder / OUTPUT).rglob("*")) if path.is_file())
    return {path.relative_to(folder / OUTPUT).as_posix(): path.read_bytes() for path in files}


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _generate(run_pgmqgen: Run, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = run_pgmqgen("generate", *options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_what_is_generated(shop: Path, run_pgmqgen: Run) -> None:
    done = _generate(run_pgmqgen)
    assert done.stdout == "2 queue(s): 15 file(s) written, 0 unchanged, 0 removed\n"
    assert done.stderr == ""
    assert _tree(shop).keys() == {
        "__init__.py", "py.typed", "registry.py", "manifest.json",
        "handlers/__init__.py", "handlers/ping.py", "handlers/send_email.py",
        "ping/__init__.py", "ping/models.py", "ping/validator.py", "ping/producer.py",
        "send_email/__init__.py", "send_email/models.py", "send_email/validator.py",
        "send_email/producer.py",
    }  # fmt: skip
    owned = json.loads(_tree(shop)["manifest.json"])["files"]
    assert owned.keys() == {
        path for path in _tree(shop) if "handlers" not in path and path != "manifest.json"
    }


def test_twice_is_the_same(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    before = _tree(shop)
    stamps = [path.stat().st_mtime_ns for path in sorted((shop / OUTPUT).rglob("*"))]
    again = _generate(run_pgmqgen)
    assert again.stdout == "2 queue(s): 0 file(s) written, 11 unchanged, 0 removed\n"
    assert _tree(shop) == before
    assert [path.stat().st_mtime_ns for path in sorted((shop / OUTPUT).rglob("*"))] == stamps


def test_one_changed_schema_changes_one_queue(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    before = _tree(shop)
    _write_schema(shop, "ping", {"type": "object", "properties": {"m": {"type": "string"}}})
    _generate(run_pgmqgen)
    changed = _changed(before, _tree(shop))
    assert changed == {"ping/models.py", "ping/validator.py", "manifest.json"}


def test_changed_settings_change_the_registry(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    before = _tree(shop)
    schema = {"title": "Email", "type": "object", "x-pgmq": {"timeout": 5}}
    _write_schema(shop, "send_email", schema)
    _generate(run_pgmqgen)
    assert _changed(before, _tree(shop)) == {"registry.py", "manifest.json"}


def test_check(shop: Path, run_pgmqgen: Run) -> None:
    done = _generate(run_pgmqgen, "--check", code=1)
    assert "generated/registry.py" in done.stdout.splitlines()
    assert "15 file(s) do not match the schemas" in done.stderr
    assert not (shop / OUTPUT).exists()
    _generate(run_pgmqgen)
    assert _generate(run_pgmqgen, "--check").stdout == ""
    _write_schema(shop, "ping", {"type": "string"})
    done = _generate(run_pgmqgen, "--check", code=1)
    assert done.stdout.splitlines() == [
        "generated/manifest.json",
        "generated/ping/models.py",
        "generated/ping/validator.py",
    ]


def test_stubs_are_never_touched_again(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    stub = shop / OUTPUT / "handlers" / "ping.py"
    stub.write_text("def handle(message, context): print(message.payload)\n")
    _write_schema(shop, "ping", {"type": "string"})
    _generate(run_pgmqgen, "--force")
    assert stub.read_text() == "def handle(message, context): print(message.payload)\n"
    _generate(run_pgmqgen, "--check")


def test_edited_files_are_reported_and_kept(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    edited = shop / OUTPUT / "ping" / "models.py"
    edited.write_text(edited.read_text() + "# by hand\n")
    _write_schema(shop, "send_email", {"title": "Mail", "type": "object"})
    before = _tree(shop)
    done = _generate(run_pgmqgen, code=1)
    assert "edited by hand" in done.stderr
    assert "\n  generated/ping/models.py\n" in done.stderr
    assert "help: move your changes elsewhere and run `pgmqgen generate --force`" in done.stderr
    assert _tree(shop) == before
    _generate(run_pgmqgen, "--check", code=1)
    _generate(run_pgmqgen, "--force")
    assert "by hand" not in edited.read_text()
    _generate(run_pgmqgen, "--check")


def test_a_queue_that_is_gone(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    (shop / "schemas" / "ping.json").unlink()
    before = _tree(shop)
    done = _generate(run_pgmqgen, code=1)
    assert "generated/handlers/ping.py:1:1: PGQ501 there is no queue" in done.stderr
    assert "help: delete the file if the queue is gone for good" in done.stderr
    assert _tree(shop) == before
    (shop / OUTPUT / "handlers" / "ping.py").unlink()
    assert "4 removed" in _generate(run_pgmqgen).stdout
    assert not (shop / OUTPUT / "ping").exists()
    assert b'"ping"' not in _tree(shop)["registry.py"]


def test_a_queue_that_is_renamed(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    (shop / "schemas" / "ping.json").rename(shop / "schemas" / "pong.json")
    done = _generate(run_pgmqgen, code=1)
    assert "rename the file to `generated/handlers/pong.py`" in done.stderr
    handlers = shop / OUTPUT / "handlers"
    (handlers / "ping.py").rename(handlers / "pong.py")
    _generate(run_pgmqgen)
    assert (shop / OUTPUT / "pong").is_dir()


def test_bad_schemas_write_nothing(shop: Path, run_pgmqgen: Run) -> None:
    (shop / "schemas" / "broken.json").write_text('{"type": "string",}')
    _write_schema(shop, "ping", {"x-pgmq": {"max_attemps": 1}})
    done = _generate(run_pgmqgen, code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "schemas/broken.json:1:18: PGQ001 trailing comma before `}`",
        "  help: remove the comma",
        "schemas/ping.json:1:13: PGQ301 unknown key `max_attemps`",
        "  help: did you mean `max_attempts`?",
        "error: 2 error(s) in the schemas",
    ]
    assert not (shop / OUTPUT).exists()


def test_no_schemas_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_pgmqgen: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgmqgen.toml").touch()
    done = _generate(run_pgmqgen, code=2)
    assert "there is no schemas folder" in done.stderr
    assert "help: `pgmqgen init`" in done.stderr


def test_bad_configuration(shop: Path, run_pgmqgen: Run) -> None:
    (shop / "pgmqgen.toml").write_text('outptu = "x"\n')
    done = _generate(run_pgmqgen, code=2)
    assert "unknown key `outptu`\nhelp: did you mean `output`?" in done.stderr


def test_without_the_extra(shop: Path) -> None:
    blocked = (
        "import sys; sys.modules.update(dict.fromkeys({names!r}));"
        "from pgmqgen.cli.app import run; sys.exit(run(['generate']))"
    )
    for names in (["datamodel_code_generator"], ["jinja2"], ["ruff"]):
        command = [sys.executable, "-c", blocked.format(names=names)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.splitlines()[-1] == "help: install pgmqgen[codegen]"
        assert "Traceback" not in done.stderr
    assert not (shop / OUTPUT).exists()


def test_own_templates_go_first(shop: Path, run_pgmqgen: Run) -> None:
    (shop / "pgmqgen.toml").write_text('templates = "own"\n')
    (shop / "own").mkdir()
    template = shop / "own" / "handler.py.jinja"
    template.write_text('"""Mine: {{ queue.name }}."""\n')
    _generate(run_pgmqgen)
    assert _tree(shop)["handlers/ping.py"] == b'"""Mine: ping."""\n'
    (shop / OUTPUT / "handlers" / "ping.py").unlink()
    template.write_text("{{ queue.nam }}")
    done = _generate(run_pgmqgen, code=1)
    assert "the template `handler.py.jinja` fails" in done.stderr
    template.write_text("def (\n")
    assert (
        "`generated/handlers/ping.py` is not Python, in line 1"
        in _generate(run_pgmqgen, code=1).stderr
    )
    (shop / "pgmqgen.toml").write_text('templates = "nope"\n')
    assert "there is no templates folder" in _generate(run_pgmqgen, code=2).stderr


def test_the_users_ruff_settings_have_no_say(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    before = _tree(shop)
    (shop / "ruff.toml").write_text("line-length = 40\n[format]\nquote-style = 'single'\n")
    _generate(run_pgmqgen, "--check")
    assert _tree(shop) == before


USE = """
import json, sys
from {package}.registry import registry
for name, value in {values!r}.items():
    spec = registry[name]
    payload = spec.decode(json.dumps(value))
    assert json.loads(spec.encode(payload)) == value
    spec.validate(value)
    try:
        spec.load_handler()(type("Message", (), {{"payload": payload}}), None)
    except NotImplementedError as error:
        print(error)
loaded = sorted(name for name in sys.modules if "schema." in name or "codegen" in name)
assert loaded == [], loaded
assert "jinja2" not in sys.modules
"""


@pytest.mark.parametrize(
    ("configuration", "package", "path"),
    [
        ("", "generated", "."),
        ('output = "src/acme/queues"', "acme.queues", "src"),
        ('output = "src/acme/queues"\nhandlers = "src/acme/handlers"', "acme.queues", "src"),
        ('output = "src/acme/queues"', "src.acme.queues", "."),
        ('handlers = "handlers"', "generated", "."),
    ],
)
def test_the_output_runs_from_any_package(
    shop: Path, run_pgmqgen: Run, configuration: str, package: str, path: str
) -> None:
    (shop / "pgmqgen.toml").write_text(configuration)
    union = [{"properties": {"t": {"const": t}}, "type": "object", "required": ["t"]} for t in "ab"]
    _write_schema(shop, "two", {"oneOf": union})
    _write_schema(shop, "any-thing", {"x-pgmq": {"timeout": 1}})
    _generate(run_pgmqgen)
    values = {"ping": {"n": 1}, "two": {"t": "b"}, "any-thing": [1, None], "send_email": {"x": 1}}
    code = USE.format(package=package, values=values)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(shop / path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "handle messages of queue `ping` here",
        "handle `B` of queue `two` here",
        "handle messages of queue `any-thing` here",
        "handle messages of queue `send_email` here",
    ]


def test_the_registry_imports_nothing_of_the_queues(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    code = (
        "import sys, generated.registry; "
        "print([m for m in sys.modules if m.startswith('generated.') and m != 'generated.registry'],"
        " 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] False\n"


def test_diff(shop: Path, run_pgmqgen: Run) -> None:
    _generate(run_pgmqgen)
    assert _generate(run_pgmqgen, "--diff").stdout == ""
    _write_schema(shop, "ping", {"type": "object", "properties": {"m": {"type": "integer"}}})
    _write_schema(shop, "pong", {"type": "object"})
    (shop / "schemas" / "send_email.json").unlink()
    (shop / "generated" / "handlers" / "send_email.py").unlink()
    before = _tree(shop)
    shown = _generate(run_pgmqgen, "--diff", code=1).stdout
    assert _tree(shop) == before
    assert "--- a/generated/ping/models.py\n+++ b/generated/ping/models.py\n@@ " in shown
    assert "-    n: int | None = None\n+    m: int | None = None\n" in shown
    assert "--- /dev/null\n+++ b/generated/pong/models.py\n" in shown
    assert "--- a/generated/send_email/models.py\n+++ /dev/null\n" in shown
    assert "\x1b" not in shown
    assert "manifest" not in shown
    patch = shop / "changes.diff"
    patch.write_text(shown)
    subprocess.run(["git", "apply", "--unsafe-paths", patch], cwd=shop, check=True)
    assert _generate(run_pgmqgen, "--check", code=1).stdout == "generated/manifest.json\n"
    done = _generate(run_pgmqgen, "--diff", code=1)
    assert done.stdout == ""
    assert "error: 1 file(s) do not match the schemas" in done.stderr
    assert ": 1 file(s) written, " in _generate(run_pgmqgen).stdout
    _generate(run_pgmqgen, "--check")


def test_diff_is_coloured_on_a_terminal_only(shop: Path) -> None:
    command = shlex.join([str(Path(sys.executable).with_name("pgmqgen")), "generate", "--diff"])
    terminal = ["script", "--quiet", "--return", "--command", command, os.devnull]
    for colours, env in ((True, {}), (False, {"NO_COLOR": "1"})):
        shown = subprocess.run(
            terminal, cwd=shop, env=os.environ | env, capture_output=True, text=True, check=False
        ).stdout
        assert ("\x1b[32m+" in shown) is colours
        assert "models.py" in shown


def test_watch_does_not_go_with_check(shop: Path, run_pgmqgen: Run) -> None:
    done = run_pgmqgen("generate", "--watch", "--check")
    assert done.returncode == 2
    assert "--watch writes: it does not go with --check and --diff" in done.stderr


@pytest.mark.parametrize(
    "title", ["order", "orderCreated", "order_created", "validate", "str", "größe"]
)
def test_any_title_makes_a_package_that_imports(shop: Path, run_pgmqgen: Run, title: str) -> None:
    _write_schema(shop, "ping", {"title": title, "type": "object"})
    _generate(run_pgmqgen)
    code = "from generated.registry import registry; print(registry['ping'].contract.decode('{}'))"
    subprocess.run([sys.executable, "-c", code], cwd=shop, check=True)
